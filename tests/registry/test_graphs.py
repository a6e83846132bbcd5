"""Inference graphs: tied to the weights they were made from, and with the same answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from geoglm.errors import BadPackage
from geoglm.infer.runtime import Product, Runtime
from geoglm.io.memory import ArrayScene
from geoglm.jobs.network import runtime_of
from geoglm.jobs.planning import make_plan
from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.options import PatchRule, SegmentOptions
from geoglm.registry.catalog import find, shipped
from geoglm.registry.graphs import add_graph
from geoglm.registry.onnx_file import OnnxFacts
from geoglm.registry.package import ModelPackage, write_package
from tests.conftest import card_for, in_whole_numbers, pointwise


def runtime(model: str, device: str, product: Product, *, gsd_m: float | None, side: int, bands: int) -> Runtime:
    scene = ArrayScene(np.full((bands, side, side), 500, np.uint16), gsd=gsd_m)
    options = SegmentOptions(
        model, device=device, precision="f32", patch=PatchRule("fixed", side), scale=2000.0, offset=0.0
    )
    return runtime_of(make_plan(scene, options), product)


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_package_carries_the_graph_of_its_own_weights(name: str) -> None:
    package = find(name)
    path = package.graph()
    assert path is not None, "python -m geoglm.registry.graphs makes the graphs of the shipped packages"
    assert package.card.graph is not None
    assert package.card.graph.weights_sha256 == package.sha256
    facts = OnnxFacts.read(path)
    assert facts.inputs[0].shape == (None, len(package.card.bands), None, None)
    assert facts.external == ()
    weights = (package.folder / "model.safetensors").stat().st_size
    assert path.stat().st_size < 1.1 * weights + 200_000, "constants are in half precision"


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize("gsd_m", [None, 0.25])
def test_a_shipped_graph_answers_as_torch_does(name: str, gsd_m: float | None) -> None:
    bands, rng = len(find(name).card.bands), np.random.default_rng(0)
    tile = rng.integers(0, 2000, (1, bands, 8, 8), dtype=np.uint16).repeat(16, 2).repeat(16, 3)
    graph, torch = (
        [
            runtime(name, device, product, gsd_m=gsd_m, side=128, bands=bands).infer(tile)
            for product in ("float", "percent")
        ]
        for device in ("cpu", "torch-cpu")
    )
    assert np.abs(graph[0][0] - torch[0][0]).max() < 1e-3
    classes, confidence, layers = (np.abs(a.astype(int) - b) for a, b in zip(graph[1], torch[1], strict=True))
    assert (classes == 0).mean() > 0.999
    assert confidence.max() <= 1
    assert layers.max() <= 1


def test_a_graph_is_run_with_no_other_weights(tmp_path: Path) -> None:
    package = add_graph(pointwise(tmp_path / "model"))
    assert package.graph() == tmp_path / "model" / "model.onnx"
    assert package.key != pointwise(tmp_path / "other").key
    weights = tmp_path / "model" / "model.safetensors"
    own = weights.read_bytes()
    weights.write_bytes((pointwise(tmp_path / "third", seed=3).folder / "model.safetensors").read_bytes())
    with pytest.raises(BadPackage, match=r"made from other weights; python -m geoglm.registry.graphs"):
        ModelPackage.open(package.folder).graph()
    weights.write_bytes(own)
    with (tmp_path / "model" / "model.onnx").open("ab") as file:
        file.write(b" ")
    with pytest.raises(BadPackage, match="damaged or another"):
        ModelPackage.open(package.folder).graph()
    written = write_package(package.folder, package.network(), dict(package.card.data))
    assert written.graph() is None
    assert not (tmp_path / "model" / "model.onnx").exists()
    assert json.loads((tmp_path / "model" / "model.json").read_text()).get("geoglm:graph") is None


def test_a_network_that_looks_at_the_scene_is_left_to_torch(tmp_path: Path) -> None:
    spec = SegmenterSpec("tu-mobilenetv3_small_100", bands=3, classes=3, depth=3, width=8, fusion="squeeze")
    tiling = {"geoglm:tiling": {"stride": 8, "tileable": True, "halo": 8, "exact_halo": 64}}
    package = write_package(tmp_path, in_whole_numbers(build_segmenter(spec), 0), card_for(spec, **tiling))
    with pytest.raises(BadPackage, match="through torch alone"):
        add_graph(package)
    assert package.graph() is None
