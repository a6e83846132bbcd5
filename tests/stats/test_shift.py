"""Shifts to a fraction of a pixel, with noise, other light, change and holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import fourier_shift, gaussian_filter

from geoglm.stats.shift import TILE_PX, robust_shift, tile_shift, tiles_of
from geoglm.types import PixelBox


def pair(rows: float, cols: float, seed: int = 0, side: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A textured image of two bands and its shifted, brightened, noisy copy."""
    rng = np.random.default_rng(seed)
    ground = gaussian_filter(rng.normal(size=(2, 2 * side, 2 * side)), (0, 1.0, 1.0)) * 300 + 500
    moved = np.stack([np.fft.ifft2(fourier_shift(np.fft.fft2(band), (rows, cols))).real for band in ground])
    moved = 1.1 * moved + rng.normal(size=moved.shape) * 5
    middle = np.s_[:, side // 2 : side // 2 + side, side // 2 : side // 2 + side]
    return ground[middle], moved[middle]


@given(st.floats(-6, 6), st.floats(-6, 6), st.integers(0, 100))
@settings(max_examples=6)
def test_a_shift_is_measured_within_a_tenth_of_a_pixel(rows: float, cols: float, seed: int) -> None:
    before, after = pair(rows, cols, seed)
    valid = np.ones((128, 128), bool)
    found = tile_shift(before, after, valid)
    assert found == pytest.approx((rows, cols), abs=0.1)
    back = tile_shift(after, before, valid)
    assert back == pytest.approx((-rows, -cols), abs=0.1)


def test_change_and_a_hole_in_a_part_of_a_tile_do_no_harm() -> None:
    before, after = pair(0.5, -1.25)
    after[:, 40:80, 60:100] = 900
    valid = np.ones((128, 128), bool)
    valid[100:110, 20:80] = False
    after[:, ~valid] = 0
    assert tile_shift(before, after, valid) == pytest.approx((0.5, -1.25), abs=0.1)


def test_tiles_that_tell_nothing_say_so() -> None:
    before, after = pair(0, 0)
    assert tile_shift(before, np.full_like(after, 7), np.ones((128, 128), bool)) is None
    assert tile_shift(before, after, np.random.default_rng(0).random((128, 128)) > 0.6) is None
    assert robust_shift([]) is None


@pytest.mark.parametrize("shape", [(10, 10), (256, 300), (1000, 5000)])
def test_tiles_lie_inside_and_reach_every_edge(shape: tuple[int, int]) -> None:
    tiles = list(tiles_of(PixelBox(0, 0, *shape)))
    assert len(set(tiles)) == len(tiles) <= 64
    assert {t.height for t in tiles} == {min(shape[0], TILE_PX)}
    assert max(t.bottom for t in tiles) == shape[0]
    assert max(t.right for t in tiles) == shape[1]
    assert min(t.top for t in tiles) == min(t.left for t in tiles) == 0
