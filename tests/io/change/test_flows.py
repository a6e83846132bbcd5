"""Ribbons of change: as wide as their areas, and never a failure."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoglm.io.change.flows import draw_flows
from geoglm.types import LandClass

COLOURS = ("#e0524d", "#1d6b2e", "#3f7fd0")


def test_bars_are_as_tall_as_what_was_lost_and_gained(tmp_path: Path) -> None:
    classes = [LandClass(k, f"kind {k}", c) for k, c in enumerate(COLOURS)]
    matrix = np.array([[500.0, 30, 0], [0, 7, 10], [0, 20, 900]])
    draw_flows(tmp_path / "flows.png", matrix, classes, "ha")
    with Image.open(tmp_path / "flows.png") as file:
        picture = np.asarray(file.convert("RGB")).astype(int)
    middle = picture.shape[1] // 2

    def tall(half: np.ndarray, kind: LandClass) -> int:
        """Rows of the picture with the pure colour of a class, which only its bar has."""
        return int((np.abs(half - kind.rgb).sum(axis=2) == 0).any(axis=1).sum())

    lost = np.array([tall(picture[:, :middle], c) for c in classes])
    gained = np.array([tall(picture[:, middle:], c) for c in classes])
    assert lost / lost.sum() == pytest.approx([30 / 60, 10 / 60, 20 / 60], abs=0.02)
    assert gained / gained.sum() == pytest.approx([0, 50 / 60, 10 / 60], abs=0.02)


@pytest.mark.parametrize("count", [1, 2, 15])
@pytest.mark.parametrize("amount", [0.0, 1e-9, 1e7])
def test_any_matrix_becomes_a_picture(tmp_path: Path, count: int, amount: float) -> None:
    classes = [LandClass(k, f"$kind_{k}$", COLOURS[k % 3]) for k in range(count)]
    draw_flows(tmp_path / "flows.png", np.full((count, count), amount), classes, "px")
    with Image.open(tmp_path / "flows.png") as file:
        assert file.width > 500
