"""Blocks of a map: counted as they are, however the map passes by, and every pixel in them as likely."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.stats.sampling.blocks import BlockGrid, pixels_within
from geoglm.types import INVALID, PixelBox


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(1, 4), st.integers(1, 40), st.integers(1, 40))
def test_blocks_are_those_of_the_whole_map(seed: int, side: int, deep: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    classes = rng.choice([0, 1, 7, INVALID], (height, width), p=[0.1, 0.2, 0.1, 0.6]).astype(np.uint8)
    bands = (classes[top : top + side * deep] for top in range(0, height, side * deep))
    grid = BlockGrid.of(bands, PixelBox(0, 0, height, width), side)
    assert grid.pixels.sum() == (classes != INVALID).sum()
    for k, pixels in enumerate(grid.pixels):
        box = grid.box(k)
        inside = classes[box.top : box.bottom, box.left : box.right]
        assert pixels == (inside != INVALID).sum() > 0
        assert grid.commonest[k] == np.bincount(inside[inside != INVALID]).argmax()


def test_pixels_within_a_block_are_as_likely_and_hold_a_class() -> None:
    classes = np.full((4, 5), INVALID, np.uint8)
    classes[1:3, 1:4] = 3
    times = np.zeros((4, 5))
    rng = np.random.default_rng(0)
    for _ in range(1500):
        chosen = pixels_within(classes, 2, rng)
        assert len(set(chosen)) == 2
        for place in chosen:
            times[place] += 1
    assert times[classes == INVALID].sum() == 0
    assert times[classes == 3] == pytest.approx(500, abs=5 * np.sqrt(500))
    assert len(pixels_within(classes, 100, rng)) == 6
