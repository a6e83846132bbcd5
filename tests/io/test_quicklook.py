"""The quicklook: three pictures of the same ground, in colours that say what the legend says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoglm.io.quicklook import GAP, LINE, PANEL, VIRIDIS, coloured, stretched, viridis, write_quicklook
from geoglm.types import INVALID, LandClass

SCHEME = tuple(LandClass(k, f"kind {k}", c) for k, c in enumerate(("#d03030", "#30a030", "#3060d0")))


def test_a_colour_map_runs_from_dark_to_light_and_leaves_no_data_white() -> None:
    ends = viridis(np.array([0, 100, INVALID], np.uint8))
    assert ends.tolist() == [list(bytes.fromhex(VIRIDIS[0])), list(bytes.fromhex(VIRIDIS[-1])), [255, 255, 255]]
    light = viridis(np.arange(101, dtype=np.uint8)).astype(int) @ [299, 587, 114]
    assert (np.diff(light) > 0).all()


def test_a_scene_is_stretched_between_its_dark_and_its_light() -> None:
    pixels, valid = np.arange(1000.0).reshape(1, 10, 100), np.ones((10, 100), bool)
    valid[:, :5] = False
    shown = stretched(pixels, valid)
    assert shown.shape == (10, 100, 3)
    assert (shown[:, :5] == 1).all()
    assert shown.min() == 0
    assert (np.diff(shown[5, 5:, 0]) >= 0).all()
    assert (stretched(pixels, np.zeros_like(valid)) == 1).all()


@pytest.mark.parametrize("shape", [(100, 100), (40, 400), (400, 40)])
def test_three_pictures_lie_side_by_side_with_every_class_in_the_legend(tmp_path: Path, shape: tuple[int, int]) -> None:
    classes = np.full(shape, 1, np.uint8)
    classes[: shape[0] // 2] = INVALID
    confidence = np.where(classes == INVALID, INVALID, 100).astype(np.uint8)
    scene = np.full((*shape, 3), 0.5, np.float32)
    shares = {0: 0.0, 1: 1.0}
    write_quicklook(tmp_path / "q.png", scene, classes, confidence, SCHEME * 6, shares=shares, title="Größe 中")
    sheet = np.asarray(Image.open(tmp_path / "q.png"))
    tall = round(PANEL * float(np.clip(shape[0] / shape[1], 0.25, 3)))
    top = GAP + 2 * LINE
    assert sheet.shape[1] == 3 * PANEL + 4 * GAP
    middle = [GAP + PANEL // 2 + k * (PANEL + GAP) for k in range(3)]
    upper, lower = sheet[top + tall // 4, middle], sheet[top + tall * 3 // 4, middle]
    assert upper[1:].tolist() == [[255] * 3] * 2
    assert lower.tolist() == [[128] * 3, list(SCHEME[1].rgb), list(bytes.fromhex(VIRIDIS[-1]))]
    legend = sheet[top + tall + GAP :].reshape(-1, 3)
    for c in SCHEME:
        assert (legend == c.rgb).all(axis=1).sum() > 100
    assert (coloured(classes, SCHEME)[0, 0] == 255).all()
