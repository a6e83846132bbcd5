"""Models from outside: taken in whatever their axes and answers, refused in one line, mapped as NumPy would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from onnx import TensorProto, helper, load_model, numpy_helper, save_model

import geoglm
from geoglm.apps.cli import main
from geoglm.errors import BadPackage, PlanError, RefusedModel
from geoglm.jobs.segment import segment_file
from geoglm.options import PatchRule, SegmentOptions
from geoglm.registry.catalog import find
from geoglm.registry.importing import import_onnx
from geoglm.registry.package import ModelPackage
from tests.conftest import write_scene
from tests.onnx_models import BIAS, CLASSES, WEIGHTS, pointwise_onnx

COLOURS = ("d03030", "d0c090", "808080", "30a030")
CARD: dict[str, Any] = {
    "mlm:name": "outsider",
    "mlm:input": [{"bands": ["red", "green", "blue"], "value_scaling": [{"type": "percentile", "low": 5, "high": 95}]}],
    "mlm:output": [
        {
            "classification:classes": [
                {"value": 10 * k, "name": f"kind {k}", "color_hint": COLOURS[k]} for k in range(CLASSES)
            ]
        }
    ],
    "geoglm:tiling": {"stride": 1, "tileable": True, "halo": 0},
}


def taken(folder: Path, card: dict[str, Any] | None = None, **kind: Any) -> ModelPackage:
    return import_onnx(pointwise_onnx(folder / "m.onnx", **kind), card or CARD, folder / "package")


def by_numpy(pixels: np.ndarray) -> np.ndarray:
    """Class values of pixels stretched between percentiles 5 and 95, band by band."""
    low, high = (np.percentile(pixels, q, axis=(1, 2)).reshape(3, 1, 1) for q in (5, 95))
    scaled = ((pixels - low) / (high - low)).clip(0, 1)
    return 10 * (np.einsum("kb,byx->kyx", WEIGHTS, scaled) + BIAS[:, None, None]).argmax(0)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("answers", ["logits", "probabilities"])
@pytest.mark.parametrize("tile", [None, (32, 64)])
def test_any_kind_of_model_maps_as_numpy_would(tmp_path: Path, layout: Any, answers: Any, tile: Any) -> None:
    package = taken(tmp_path, layout=layout, answers=answers, tile=tile)
    graph = package.card.graph
    assert graph is not None
    assert (graph.layout, graph.answers, graph.tile) == (layout, answers, tile)
    pixels = np.random.default_rng(1).integers(0, 3000, (3, 50, 90)).astype(np.uint16)
    scene = write_scene(tmp_path / "scene.tif", pixels)
    options = SegmentOptions(str(package.folder), vectors="none", precision="f32", patch=PatchRule("auto"))
    segment_file(scene, tmp_path / "out", options)
    with rasterio.open(tmp_path / "out" / "classes.tif") as file:
        assert (file.read(1) == by_numpy(pixels)).mean() > 0.999


def test_a_network_of_one_size_is_cut_to_no_other(tmp_path: Path, make_scene: Callable[..., Path]) -> None:
    package = taken(tmp_path, tile=(32, 32))
    options = SegmentOptions(str(package.folder), vectors="none", patch=PatchRule("fixed", 64))
    with pytest.raises(PlanError, match=r"tiles of 32 x 32 px and no others; leave --patch out"):
        segment_file(make_scene(), tmp_path / "out", options)


def test_a_graph_alone_is_not_run_by_torch(tmp_path: Path, make_scene: Callable[..., Path]) -> None:
    package = taken(tmp_path)
    with pytest.raises(BadPackage, match="runs on --device cpu"):
        segment_file(make_scene(), tmp_path / "out", SegmentOptions(str(package.folder), device="torch-cpu"))
    with pytest.raises(BadPackage, match="cannot be taught"):
        geoglm.train("a.tif", "b.tif", tmp_path / "mine", base=str(package.folder))


def test_own_models_are_found_listed_and_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOGLM_MODELS", str(tmp_path / "models"))
    card, model = tmp_path / "card.json", pointwise_onnx(tmp_path / "m.onnx")
    card.write_text(json.dumps({"type": "Feature", "properties": CARD}))

    def call(*words: object) -> tuple[int, str]:
        told = CliRunner().invoke(main, ["models", *map(str, words)])
        return told.exit_code, told.output

    code, said = call("import", model, "--card", card)
    assert (code, said) == (0, f"outsider: NCHW, logits, tiles of any size; in {tmp_path / 'models' / 'outsider'}\n")
    assert "outsider" in call("list")[1]
    assert json.loads(call("show", "outsider")[1])["description"] == "imported from m.onnx"
    assert 0 < find("outsider").card.graph.bytes_px < 1000  # type: ignore[union-attr,operator]
    assert find("outsider").sha256 == find("outsider").card.graph.sha256  # type: ignore[union-attr]
    assert call("import", model, "--card", card)[0] == 2
    assert "is there already" in call("import", model, "--card", card)[1]
    (tmp_path / "models" / "outsider" / "model.json").write_text("{}")
    code, said = call("list")
    assert code == 0
    assert "malformed" in said
    card.write_text(json.dumps(CARD | {"mlm:name": "aerial-landcover"}))
    assert "that of a shipped model" in call("import", model, "--card", card)[1]
    card.write_text("[]")
    assert "no JSON object" in call("import", model, "--card", card)[1]


def changed(**changes: Any) -> dict[str, Any]:
    return json.loads(json.dumps(CARD | changes))


def with_scaling(*entries: dict[str, Any]) -> dict[str, Any]:
    return changed(**{"mlm:input": [{"bands": ["red", "green", "blue"], "value_scaling": list(entries)}]})


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({}, "the card lacks 'mlm:input'"),
        (changed(**{"mlm:name": "../evil"}), "no name for a folder"),
        (changed(**{"mlm:input": [{"bands": ["a", "b"]}]}), "image has 3 channels, the card names 2"),
        (with_scaling({"type": "processing", "expression": "x"}), "type 'processing' is unknown"),
        (with_scaling({"type": "log-sigmoid", "gain": 0, "mean": 0, "stddev": 1}), "gain that is not positive"),
        (with_scaling({"type": "percentile", "low": 98, "high": 2}), "two that rise"),
        (with_scaling(*[{"type": "scale", "value": 1}, {"type": "z-score", "mean": 0, "stddev": 1}] * 2), "mixes"),
    ],
)
def test_a_card_that_does_not_do_is_refused_in_a_line(tmp_path: Path, card: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedModel, match=message) as told:
        import_onnx(pointwise_onnx(tmp_path / "m.onnx"), card, tmp_path / "package")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "package").exists()


def test_a_file_that_would_do_more_than_arithmetic_is_refused(tmp_path: Path) -> None:
    path = pointwise_onnx(tmp_path / "m.onnx")
    plain = path.read_bytes()

    def refused(card: dict[str, Any] = CARD) -> str:
        with pytest.raises(RefusedModel) as told:
            import_onnx(path, card, tmp_path / "package")
        return str(told.value)

    model = load_model(path)
    model.graph.node[0].domain = "com.evil"
    save_model(model, path)
    assert "not allowed: com.evil.Conv" in refused()
    path.write_bytes(plain[:-20])
    assert "no ONNX file" in refused()
    path.write_bytes(b"")
    assert "no ONNX file" in refused()
    path.write_bytes(plain)
    model = load_model(path)
    save_model(model, path, save_as_external_data=True, location="outside.bin", size_threshold=0)
    assert "another file (outside.bin)" in refused()
    with path.open("wb") as file:
        file.truncate(2**30)
    assert "more than" in refused()
    path.unlink()
    assert "no such file" in refused()


def test_a_network_that_answers_something_else_is_refused(tmp_path: Path) -> None:
    def model(*nodes: Any, answer: list[Any]) -> Path:
        constants = [numpy_helper.from_array(WEIGHTS[:, :, None, None], "w")]
        ports = [
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s)]
            for n, s in (("image", ["n", 3, "rows", "cols"]), ("answer", answer))
        ]
        graph = helper.make_graph(list(nodes), "g", *ports, constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        save_model(made, tmp_path / "m.onnx")
        return tmp_path / "m.onnx"

    half = model(helper.make_node("Conv", ["image", "w"], ["answer"], strides=[2, 2]), answer=["n", 4, "r", "c"])
    with pytest.raises(RefusedModel, match="answers 1 x 4 x 32 x 32 to a tile of 1 x 3 x 64 x 64"):
        import_onnx(half, CARD, tmp_path / "package")
    endless = model(
        helper.make_node("Conv", ["image", "w"], ["a"]),
        helper.make_node("Sub", ["a", "a"], ["zero"]),
        helper.make_node("Div", ["a", "zero"], ["answer"]),
        answer=["n", 4, "r", "c"],
    )
    with pytest.raises(RefusedModel, match="not finite"):
        import_onnx(endless, CARD, tmp_path / "package")
