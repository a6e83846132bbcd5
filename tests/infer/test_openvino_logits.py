"""Logits of a network from a file, against NumPy: every scaling, layout and kind of answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from torch.nn import functional as F

from geoglm.infer.openvino_logits import logits_model
from geoglm.pixels.scale import Scaling
from geoglm.registry.graph import Answers, GraphEntry, Layout
from tests.onnx_models import BIAS, WEIGHTS, pointwise_onnx

RNG = np.random.default_rng(0)
SCALINGS = {
    "linear": Scaling((0.4, 0.5, 0.6), (0.2, 0.3, 0.4), zero=10.0),
    "log-sigmoid": Scaling((1.0, 2.0, 0.5), (0.5, 0.4, 0.3), gain=(50.0, 20.0, 10.0), zero=10.0),
    "stretch": Scaling((0.5,) * 3, (0.5,) * 3, stretch=((0.1, 0.9), (0.2, 0.6), (0.0, 1.0)), percentiles=(2, 98)),
}


def expected(tile: np.ndarray, scaling: Scaling, full: float) -> np.ndarray:
    scaled = scaling.applied(tile, full).astype(np.float64)
    return np.einsum("kb,byx->kyx", WEIGHTS, scaled) + BIAS[:, None, None]


def shares(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max(0))
    return odds / odds.sum(0)


def answer(path: Path, entry: GraphEntry, scaling: Scaling, tile: np.ndarray, reduce: int = 1) -> np.ndarray:
    model = logits_model(path, entry, scaling, 100.0, reduce=reduce)
    model.reshape([1, *tile.shape])
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    return ov.Core().compile_model(model, "CPU", settings)(tile[None].astype(np.float32))[0][0]


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("answers", ["logits", "probabilities"])
def test_logits_are_those_of_numpy(tmp_path: Path, scaling: str, layout: Layout, answers: Answers) -> None:
    path = pointwise_onnx(tmp_path / "model.onnx", layout=layout, answers=answers)
    tile = RNG.integers(0, 120, (3, 24, 40)).astype(np.uint8)
    found = answer(path, GraphEntry("model.onnx", "", layout=layout, answers=answers), SCALINGS[scaling], tile)
    right = expected(tile, SCALINGS[scaling], 100.0)
    if answers == "logits":
        assert np.abs(found - right).max() < 1e-4
    assert np.abs(shares(found) - shares(right)).max() < 1e-5


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_a_network_of_one_size_takes_any_up_to_it(tmp_path: Path, layout: Layout) -> None:
    path = pointwise_onnx(tmp_path / "model.onnx", layout=layout, tile=(32, 64))
    entry = GraphEntry("model.onnx", "", layout=layout, tile=(32, 64))
    for shape in ((3, 32, 64), (3, 16, 40)):
        tile = RNG.integers(0, 120, shape).astype(np.uint8)
        found = answer(path, entry, SCALINGS["linear"], tile)
        assert np.abs(found - expected(tile, SCALINGS["linear"], 100.0)).max() < 1e-4


def test_blocks_of_pixels_are_averaged_and_logits_brought_back(tmp_path: Path) -> None:
    path = pointwise_onnx(tmp_path / "model.onnx")
    tile = RNG.integers(0, 120, (3, 16, 20)).astype(np.uint8)
    found = answer(path, GraphEntry("model.onnx", ""), SCALINGS["linear"], tile, reduce=2)
    small = tile.reshape(3, 8, 2, 10, 2).mean(axis=(2, 4))
    right = F.interpolate(
        torch.from_numpy(expected(small, SCALINGS["linear"], 100.0))[None], scale_factor=2.0, mode="bilinear"
    )
    assert np.abs(found - right[0].numpy()).max() < 1e-4
