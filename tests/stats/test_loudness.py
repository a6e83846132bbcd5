"""The compiled passes of change by bands against the slow obvious ones."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate1d

from geoglm.stats.irmad import Alteration, Moments
from geoglm.stats.loudness import QUIET, levels_of, loudness, unclip
from geoglm.stats.smoothing import reach_px, smoothed
from geoglm.stats.threshold import BINS


def pair(seed: int, bands: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, Alteration]:
    """Two 8-bit dates ``(band, 13, 37)`` with much at 255, where there is data, and their transformation."""
    rng = np.random.default_rng(seed)
    ground = rng.normal(180, 60, (max(bands), 13, 37))
    dates = [(ground[:n] + rng.normal(0, 10, (n, 13, 37))).clip(0, 255).astype(np.float32) for n in bands]
    flat = np.concatenate([d.reshape(len(d), -1) for d in dates]).astype(np.float64)
    found = Alteration.of(Moments.of(flat, np.ones(flat.shape[1])), bands[0], weighted=True)
    return dates[0], dates[1], rng.random((13, 37)) > 0.1, found


SIZES = st.tuples(st.integers(1, 5), st.integers(1, 5))


@given(st.integers(0, 10_000), SIZES)
@settings(max_examples=15, deadline=None)
def test_loudness_is_the_root_of_the_statistic(seed: int, bands: tuple[int, int]) -> None:
    before, after, valid, found = pair(seed, bands)
    one, two = (d.reshape(len(d), -1).astype(np.float64) for d in (before, after))
    slow = np.minimum(np.sqrt(found.statistic(one, two)), 2.5).reshape(valid.shape)
    fast = loudness(before, after, valid, found, 2.5)
    assert np.abs(fast - np.where(valid, slow, 0)).max() < 1e-5
    part = loudness(before[:, 3:9, 5:], after[:, 3:9, 5:], np.ascontiguousarray(valid[3:9, 5:]), found, 2.5)
    assert np.array_equal(part, fast[3:9, 5:])


@given(st.integers(0, 10_000), SIZES)
@settings(max_examples=15, deadline=None)
def test_values_at_the_end_of_the_scale_become_what_the_other_date_lets_expect(
    seed: int, bands: tuple[int, int]
) -> None:
    before, after, _, found = pair(seed, bands)
    one, two = (d.reshape(len(d), -1).astype(np.float64) for d in (before, after))
    first = found.before_mean[:, None] + found.forecasts[0] @ (two - found.after_mean[:, None])
    second = found.after_mean[:, None] + found.forecasts[1] @ (one - found.before_mean[:, None])
    expected = [np.where(d >= 255, np.maximum(d, e), d) for d, e in ((one, first), (two, second))]
    unclip(before, after, found, 255.0)
    for made, slow in zip((before, after), expected, strict=True):
        assert np.abs(made.reshape(slow.shape) - slow).max() < 1e-3


@given(st.integers(0, 10_000), st.sampled_from([0.4, 0.7, 1.0, 2.3]))
@settings(max_examples=15, deadline=None)
def test_smoothing_is_scipys_of_pixels_with_data(seed: int, sigma: float) -> None:
    before, _, valid, _ = pair(seed, (2, 1))
    reach = reach_px(sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)

    def blurred(layer: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(layer, kernel, axis=-1, mode="constant"), kernel, axis=-2, mode="constant")

    slow = blurred(np.where(valid, before, 0).astype(np.float64)) / np.maximum(blurred(valid.astype(np.float64)), 1e-30)
    fast = smoothed(before, valid, sigma)
    near = smoothed(valid.astype(np.float32), valid, sigma) > 0
    assert np.abs(fast - slow)[:, near].max() < 1e-2
    assert (fast[:, ~near] == 0).all()


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_levels_are_even_steps_and_counted(seed: int) -> None:
    before, _, valid, _ = pair(seed, (1, 1))
    loud = np.minimum(before[0] / 50, np.float32(4))
    levels, histogram = levels_of(loud, valid, 4.0)
    assert np.array_equal(levels == QUIET, ~valid)
    assert np.abs(levels[valid] * (4.0 / (QUIET - 1)) - loud[valid]).max() < 1e-4
    assert histogram.counts.sum() == valid.sum()
    assert np.array_equal(np.bincount(levels[valid].astype(int) * BINS // QUIET, minlength=BINS), histogram.counts)
