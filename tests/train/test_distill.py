"""A teacher asked tile by tile says what it would say of the whole, and nothing about what it cannot see."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch

from geoglm.pixels.scale import Scaling
from geoglm.train.distill import NetworkTeacher, OnnxTeacher, near_nodata, soft_labels
from tests.conftest import pointwise
from tests.halving import halving


def test_a_file_is_asked_as_it_wants_to_be(tmp_path: Path) -> None:
    ov.save_model(halving(True), tmp_path / "teacher.xml", compress_to_fp16=False)
    teacher = OnnxTeacher(tmp_path / "teacher.xml", bands=3, prepare=lambda pixels: pixels / 10)
    pixels = np.full((3, 16, 24), 5, np.float32)
    assert teacher(pixels).shape == (3, 8, 12)
    assert teacher(pixels)[:, 2:-2, 2:-2] == pytest.approx(0.5, abs=1e-6)


def test_tiles_cut_at_their_cores_say_what_the_whole_says() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 5, 5, padding=2), torch.nn.Conv2d(5, 4, 3, padding=1))
    teacher = NetworkTeacher(network, Scaling((0.4, 0.5), (0.2, 0.3)), 100.0)
    pixels = np.random.default_rng(0).integers(1, 100, (2, 61, 90)).astype(np.uint8)
    valid = np.ones((61, 90), bool)
    whole = soft_labels(teacher, pixels, valid, patch_px=128)
    tiled = soft_labels(teacher, pixels, valid, patch_px=32, halo_px=4)
    assert np.abs(whole.astype(int) - tiled).max() <= 1
    assert whole.sum(axis=0).min() >= 250


def test_a_package_teaches_what_it_would_map(tmp_path: Path) -> None:
    package = pointwise(tmp_path / "package")
    teacher = NetworkTeacher(package.network(), package.card.scaling, 256.0)
    pixels = np.random.default_rng(1).integers(0, 256, (3, 20, 24)).astype(np.uint8)
    valid = np.ones((20, 24), bool)
    with torch.no_grad():
        scaled = (torch.from_numpy(pixels).float() / 256 - 0.5) / 0.5
        odds = package.network()(scaled[None])[0].softmax(dim=0).numpy()
    assert soft_labels(teacher, pixels, valid) / 255 == pytest.approx(odds, abs=0.003)
    clear = soft_labels(teacher, pixels, valid, temperature=0.25)
    assert (clear.max(axis=0) >= soft_labels(teacher, pixels, valid).max(axis=0)).all()


def test_near_missing_pixels_the_teacher_is_not_believed(tmp_path: Path) -> None:
    package = pointwise(tmp_path / "package")
    teacher = NetworkTeacher(package.network(), package.card.scaling, 256.0)
    valid = np.ones((30, 30), bool)
    valid[10, 12] = False
    soft = soft_labels(teacher, np.ones((3, 30, 30), np.uint8), valid)
    silent = soft.sum(axis=0) == 0
    assert silent.sum() == 81
    assert silent[6:15, 8:17].all()
    assert not near_nodata(np.ones((5, 5), bool)).any()
