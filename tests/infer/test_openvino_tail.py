"""A graph without its last layers, against what those layers make of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import pytest
from onnx import numpy_helper
from openvino import opset13 as ops

from geoglm.errors import ModelError
from geoglm.infer.openvino_logits import logits_model
from geoglm.infer.openvino_tail import headless, without_widening
from geoglm.pixels.scale import Scaling
from geoglm.registry.catalog import find
from geoglm.registry.graph import Answers, GraphEntry, Layout
from tests.onnx_models import pointwise_onnx

EXACT = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


@pytest.mark.parametrize("name", ["aerial-landcover", "sentinel2-landcover"])
@pytest.mark.parametrize("reduce", [1, 2])
def test_the_classifying_layer_of_shipped_networks_makes_their_logits_of_it(name: str, reduce: int) -> None:
    package = find(name)
    path, entry = package.graph(), package.card.graph
    assert path is not None
    assert entry is not None
    tile = np.random.default_rng(0).integers(1, 255, (1, len(package.card.bands), 128, 128)).astype(np.float32)

    def answer(cut: Callable[[ov.Model], ov.Model]) -> np.ndarray:
        model = logits_model(path, entry, package.card.scaling, 255.0, reduce=reduce)
        model.reshape(list(tile.shape))
        return ov.Core().compile_model(cut(model), "CPU", EXACT)(tile)[0][0]

    features = answer(headless)
    weights, bias = _head(path)
    logits = np.einsum("kf,fyx->kyx", weights, features) + bias[:, None, None]
    if reduce == 1:
        small = answer(lambda model: without_widening(model)[0])
        assert np.abs(logits - small).max() < 1e-3 * np.abs(small).max()
    assert features.shape[1:] == (128 // reduce // (4 if "aerial" in name else 2),) * 2


def _head(path: Path) -> tuple[np.ndarray, np.ndarray]:
    graph = onnx.load(path).graph
    last = next(n for n in reversed(graph.node) if n.op_type == "Conv")
    halves = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Cast"}
    found = {i.name: numpy_helper.to_array(i).astype(np.float32) for i in graph.initializer}
    weights, bias = (found[halves.get(name, name)] for name in last.input[1:])
    return weights[:, :, 0, 0], bias


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("answers", ["logits", "probabilities"])
def test_what_a_linear_classifier_is_given_are_the_scaled_pixels(
    tmp_path: Path, layout: Layout, answers: Answers
) -> None:
    path = pointwise_onnx(tmp_path / "model.onnx", layout=layout, answers=answers)
    scaling = Scaling((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    model = logits_model(path, GraphEntry("model.onnx", "", layout=layout, answers=answers), scaling, 100.0)
    tile = np.random.default_rng(1).integers(0, 120, (1, 3, 8, 16)).astype(np.float32)
    model.reshape(list(tile.shape))
    found = ov.Core().compile_model(headless(model), "CPU", EXACT)(tile)[0][0]
    assert np.allclose(found, scaling.applied(tile[0], 100.0), atol=1e-5)


def test_padding_before_the_classifying_layer_and_what_follows_it_are_left_out() -> None:
    raw = ops.parameter([1, 3, 8, 8], np.float32)
    features = ops.relu(raw)
    padded = ops.pad(features, np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), "reflect")
    kernel = np.ones((2, 3, 3, 3), np.float32)
    logits = ops.convolution(padded, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    scaled = ops.clamp(ops.multiply(np.float32(2), logits), -9.0, 9.0)
    cut = headless(ov.Model([scaled], [raw], "padded"))
    tile = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
    assert np.array_equal(ov.Core().compile_model(cut, "CPU", EXACT)(tile)[0], np.maximum(tile, 0))


def test_a_graph_that_brings_layers_together_at_its_end_is_refused() -> None:
    raw = ops.parameter([1, 3, 8, 8], np.float32)
    joined = ops.add(ops.relu(raw), ops.sigmoid(raw))
    with pytest.raises(ModelError, match="ends in Add, not in a convolution"):
        headless(ov.Model([joined], [raw], "joined"))
