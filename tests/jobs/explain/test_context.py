"""What a context module heeds, of a network whose gate is known."""

from pathlib import Path

import numpy as np
import pytest
import torch

import geoglm
from geoglm.jobs.explain.record import Explanation
from geoglm.nn.context import CLOSED
from geoglm.nn.segmenter import SegmenterSpec
from geoglm.registry.package import ModelPackage, write_package
from tests.conftest import card_for, write_scene
from tests.nn.networks import network


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    spec = SegmenterSpec("tu-test_efficientnet", bands=3, classes=4, depth=3, width=8, context=4)
    built = network(spec)
    with torch.no_grad():
        built.context.gate.weight.zero_()
        built.context.gate.bias.fill_(CLOSED)
        built.context.token_keys.weight.zero_()
        built.context.token_keys.bias.zero_()
    tiling = {"stride": built.stride, "tileable": True, "halo": 32, "exact_halo": 32}
    return write_package(tmp_path_factory.mktemp("seeing"), built, card_for(spec, **{"geoglm:tiling": tiling}))


def test_attention_and_gate_are_those_of_the_module(seeing: ModelPackage, tmp_path: Path) -> None:
    """Keys of zero are all alike, so each of 4 tokens gets a quarter; a gate without weights is σ(−4) everywhere."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, 96, 130)).astype(np.uint8)
    scene = write_scene(tmp_path / "scene.tif", pixels)
    found = geoglm.explain(
        scene, tmp_path / "why", at=(400_030.2, 4_999_980.1), model=str(seeing.folder), cell_px=40, device="torch-cpu"
    )
    assert isinstance(found, Explanation)
    assert found.context is not None
    rows, cols = (-(-n // 8) for n in found.inside.shape)
    assert found.context.attention.shape == (4, rows, cols)
    assert found.context.gate.shape == (rows, cols)
    assert found.context.cell_px == 8
    assert found.context.attention == pytest.approx(0.25)
    assert found.context.gate == pytest.approx(1 / (1 + np.exp(4)))
    assert (tmp_path / "why" / "context.png").exists()
