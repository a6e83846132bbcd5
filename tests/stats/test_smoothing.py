"""Smoothing that does not look at pixels without data, nor depends on blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from geoglm.stats.smoothing import reach_px, smoothed


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((2, 40, 50)).astype(np.float32), rng.random((40, 50)) > 0.3


@given(st.integers(0, 1000), st.sampled_from([0.5, 0.7, 1.0, 2.0]))
@settings(max_examples=20)
def test_a_block_with_its_reach_gives_what_the_whole_gives(seed: int, sigma: float) -> None:
    values, valid = scene(seed)
    whole, r = smoothed(values, valid, sigma), reach_px(sigma)
    cut = np.s_[20 - r : 30 + r, 20 - r : 35 + r]
    block = smoothed(values[:, *cut], valid[cut], sigma)[:, r : r + 10, r : r + 15]
    assert block == pytest.approx(whole[:, 20:30, 20:35], abs=1e-6)


def test_with_data_everywhere_it_is_the_common_filter() -> None:
    values, _ = scene(0)
    made = smoothed(values, np.ones((40, 50), bool), 1.0)
    assert made[0, 8:-8, 8:-8] == pytest.approx(gaussian_filter(values[0], 1.0)[8:-8, 8:-8], abs=1e-6)
    assert np.allclose(smoothed(np.full((40, 50), 3, np.float32), np.ones((40, 50), bool), 1.0), 3)


def test_what_stands_where_there_is_no_data_does_not_count() -> None:
    values, valid = scene(1)
    spoilt = np.where(valid, values, np.float32(np.nan))
    assert np.array_equal(smoothed(values, valid, 1.0), smoothed(spoilt, valid, 1.0))
    assert not smoothed(values, np.zeros((40, 50), bool), 1.0).any()
