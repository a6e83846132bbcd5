"""Both runtimes against each other and against NumPy."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from geoglm.errors import PlanError
from geoglm.infer.runtime import Product, Runtime
from geoglm.io.memory import ArrayScene
from geoglm.jobs.network import runtime_of
from geoglm.jobs.planning import make_plan
from geoglm.options import PatchRule, Precision, SegmentOptions
from geoglm.registry.catalog import find
from geoglm.train.evaluate import DEFAULT_GOAL
from tests.conftest import pointwise


def runtime(model: str, device: str, product: Product, *, side: int, dtype: str, precision: Precision) -> Runtime:
    scene = ArrayScene(np.zeros((3, side, side), dtype))
    options = SegmentOptions(
        model, device=device, precision=precision, patch=PatchRule("fixed", side), memory=4 * 10**9, scale=250.0
    )
    return runtime_of(make_plan(scene, options), product)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("product", ["map", "percent", "float"])
def test_openvino_torch_and_numpy_agree_on_a_pointwise_model(tmp_path: Path, dtype: str, product: Product) -> None:
    package = pointwise(tmp_path / "model")
    tile = np.random.default_rng(0).integers(0, 256, (1, 3, 40, 64)).astype(dtype)
    answers = []
    for device in ("cpu", "torch-cpu"):
        scene = ArrayScene(np.zeros((3, 40, 64), dtype))
        options = SegmentOptions(str(package.folder), device=device, precision="f32", scale=256.0)
        answers.append(runtime_of(make_plan(scene, options), product).infer(tile))
    head = {k: v.numpy().astype(np.float64) for k, v in package.network().state_dict().items()}
    scaled = tile[0] / 128 - 1
    logits = np.einsum("kb,byx->kyx", head["head.weight"][:, :, 0, 0], scaled) + head["head.bias"][:, None, None]
    chance = np.exp(logits - logits.max(0))
    chance /= chance.sum(0)
    for answer in answers:
        if product == "float":
            assert np.abs(answer[0][0] - chance).max() < 1e-5
            continue
        assert (answer[0][0] == logits.argmax(0)).all()
        assert np.abs(answer[1][0].astype(int) - chance.max(0) * 100).max() <= 0.501
        if product == "percent":
            assert np.abs(answer[2][0].astype(int) - chance * 100).max() <= 0.501


@pytest.mark.parametrize("device", ["cpu", "torch-cpu"])
@pytest.mark.parametrize("temperature", [0.4, 3.0])
def test_a_temperature_changes_confidence_and_no_class(tmp_path: Path, device: str, temperature: float) -> None:
    plain = pointwise(tmp_path / "plain")
    calibrated = {"temperature": temperature, "ece_before": 0.2, "ece_after": 0.01, "data": "a test"}
    mild = pointwise(tmp_path / "mild", **{"geoglm:calibration": calibrated})
    tile = np.random.default_rng(0).integers(0, 256, (1, 3, 40, 64)).astype(np.uint8)
    told = []
    for package in (plain, mild):
        options = SegmentOptions(str(package.folder), device=device, precision="f32")
        plan = make_plan(ArrayScene(tile[0]), options)
        told.append([runtime_of(plan, product).infer(tile) for product in ("map", "percent", "float")])
    assert plain.key != mild.key
    head = {k: v.numpy().astype(np.float64) for k, v in plain.network().state_dict().items()}
    scaled = tile[0] / 128 - 1
    logits = np.einsum("kb,byx->kyx", head["head.weight"][:, :, 0, 0], scaled) + head["head.bias"][:, None, None]
    chance = np.exp((logits - logits.max(0)) / temperature)
    chance /= chance.sum(0)
    (classes, certain), (same, sure, layers), (shares,) = told[1]
    assert (classes == told[0][0][0]).all()
    assert (same == classes).all()
    assert (sure == certain).all()
    assert np.abs(certain[0].astype(int) - chance.max(0) * 100).max() <= 0.501
    assert np.abs(layers[0].astype(int) - chance * 100).max() <= 0.501
    assert np.abs(shares[0] - chance).max() < 1e-5


def test_openvino_and_torch_agree_on_the_shipped_model() -> None:
    tile = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 8), dtype=np.uint8).repeat(20, 2).repeat(20, 3)
    ours, reference = (
        runtime("aerial-landcover", d, "float", side=160, dtype="uint8", precision="f32").infer(tile)[0]
        for d in ("cpu", "torch-cpu")
    )
    assert np.abs(ours - reference).max() < 1e-3


FIRST_USE = """
import sys
calls = []
sys.addaudithook(lambda event, _: calls.append(event) if event in ("socket.connect", "subprocess.Popen") else None)
import numpy as np
from geoglm.io.memory import ArrayScene
from geoglm.jobs.network import runtime_of
from geoglm.jobs.planning import make_plan
from geoglm.options import SegmentOptions
scene = ArrayScene(np.zeros((3, 64, 64), np.uint8))
runtime_of(make_plan(scene, SegmentOptions(sys.argv[1])), "map").infer(scene.pixels[None])
print("torch" in sys.modules, "socket.connect" in calls)
"""


@pytest.mark.parametrize("shipped", [True, False])
def test_torch_is_needed_once_at_most_and_nobody_is_told(tmp_path: Path, shipped: bool) -> None:
    model = "aerial-landcover" if shipped else str(pointwise(tmp_path / "taught").folder)
    told = [
        subprocess.run(
            [sys.executable, "-c", FIRST_USE, model],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"GEOGLM_CACHE": str(tmp_path)},
        ).stdout
        for _ in range(2)
    ]
    assert told == [f"{not shipped} False\n", "False False\n"]


def test_cuda_is_refused_where_there_is_none() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(PlanError, match="--device cpu"):
        runtime("aerial-landcover", "cuda", "map", side=64, dtype="uint8", precision="auto")


def test_short_batches_are_padded_so_that_the_arithmetic_stays_the_same() -> None:
    from geoglm.infer.runtime import in_full_batches

    sizes = []

    def run(tiles: np.ndarray) -> tuple[np.ndarray, ...]:
        sizes.append(len(tiles))
        return (tiles * 2,)

    tiles = np.arange(3)[:, None]
    assert in_full_batches(4, run, tiles, None)[0].tolist() == [[0], [2], [4]]
    assert sizes == [4]


def test_the_card_of_the_shipped_model_is_complete() -> None:
    card = find("aerial-landcover").card
    assert card.bands == ("red", "green", "blue")
    assert [c.name for c in card.classes] == ["building", "land", "road", "vegetation", "water"]
    assert card.tileable
    assert card.exact_halo is not None
    assert card.exact_halo % card.stride == 0
    assert card.halo == card.data["geoglm:tiling"]["needed"][str(DEFAULT_GOAL)]
    assert set(card.metrics["iou"]) == {c.name for c in card.classes}
    assert card.metrics["miou"] == pytest.approx(np.mean(list(card.metrics["iou"].values())), abs=1e-3)
