"""Alteration between dates: what it must not depend on, and what it must find."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from geoglm.stats.irmad import Alteration, Moments, alteration, scatter_of


def pair(seed: int, *, pixels: int = 4000, bands: int = 4, changed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two dates with independent noise; the first `changed` pixels of the second are those of elsewhere."""
    rng = np.random.default_rng(seed)
    ground = rng.normal(size=(bands, bands)) @ rng.normal(size=(bands, pixels)) * 20 + 100
    before, after = (ground + rng.normal(size=ground.shape) for _ in range(2))
    after[:, :changed] = after[:, -changed:] + 60 if changed else after[:, :changed]
    return before, after


def statistic(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return alteration(lambda: [(before, after)]).statistic(before, after)


@given(st.integers(0, 10_000))
@settings(max_examples=6)
def test_gains_offsets_and_mixtures_of_bands_change_nothing(seed: int) -> None:
    before, after = pair(seed, changed=200)
    rng = np.random.default_rng(seed)
    mixed = (np.eye(4) * 2 + 0.3 * rng.normal(size=(4, 4))) @ after * rng.uniform(0.1, 50) + 1000
    assert statistic(before, mixed) == pytest.approx(statistic(before, after), rel=0.02, abs=0.02)


@given(st.integers(1, 4000), st.integers(0, 1000))
@settings(max_examples=6)
def test_blocks_give_what_the_whole_gives(side: int, seed: int) -> None:
    before, after = pair(seed)

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for k in range(0, 4000, side):
            yield before[:, k : k + side], after[:, k : k + side]

    cut = alteration(blocks).statistic(before, after) if side > 100 else None
    whole, weights = np.concatenate([before, after]), np.random.default_rng(seed).random(4000)
    parts = [Moments.of(whole[:, k : k + side], weights[k : k + side]) for k in range(0, 4000, side)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert total.mean == pytest.approx(whole @ weights / weights.sum())
    assert total.spread / total.weight == pytest.approx(np.cov(whole, aweights=weights, bias=True), rel=1e-6)
    if cut is not None:
        assert cut == pytest.approx(statistic(before, after), rel=1e-4)


@pytest.mark.parametrize("bands", [1, 2, 3, 6])
def test_where_nothing_changed_the_statistic_is_chi_square(bands: int) -> None:
    """Rounds of weighting do not shrink it, however few bands there are."""
    found = statistic(*pair(3, pixels=40_000, bands=bands))
    for q in (0.1, 0.5, 0.9, 0.99):
        assert (found < chi2.ppf(q, bands)).mean() == pytest.approx(q, abs=0.02)


def test_a_scene_against_itself_is_unchanged() -> None:
    before, _ = pair(0)
    assert statistic(before, before).max() < 1e-6
    assert statistic(before, 2 * before + 3).max() < 1e-6
    flat = np.full((3, 100), 7.0)
    assert statistic(flat, flat).max() == 0


def test_changed_pixels_stand_out() -> None:
    found = statistic(*pair(1, changed=300))
    limit = chi2.isf(1e-4, 4)
    assert (found[:300] > limit).mean() > 0.95
    assert (found[300:] > limit).mean() < 0.005


def test_dates_with_different_bands_are_told_apart_either_way() -> None:
    before, after = pair(2, changed=300)
    assert statistic(before, after[:2]) == pytest.approx(statistic(after[:2], before), rel=1e-3)
    found = alteration(lambda: [(before, after[:2])])
    assert len(found.correlation) == 2


def test_the_factor_of_weighting_is_the_one_that_is_measured() -> None:
    z = chi2.rvs(5, size=400_000, random_state=0)
    weight = chi2.sf(z, 5)
    assert (weight * z).sum() / (5 * weight.sum()) == pytest.approx(scatter_of(5), rel=0.01)


def test_without_a_pixel_there_is_nothing_to_tell() -> None:
    with pytest.raises(ValueError, match="no valid pixel in common"):
        alteration(list)
    assert Alteration.of(Moments.of(np.zeros((2, 1)), np.ones(1)), 1, weighted=False).correlation == [0]


@pytest.mark.parametrize("sea", [0.1, 0.2, 0.3])
def test_quiet_water_does_not_become_all_that_counts(sea: float) -> None:
    """Pixels of water differ by less than those of land, so every round makes them count for more."""
    rng = np.random.default_rng(5)
    before, after = pair(5, pixels=20_000, bands=6)
    water = rng.random(20_000) < sea
    for date in (before, after):
        date[:, water] = 20 + 0.05 * rng.normal(size=(6, water.sum()))
    whole = Moments.of(np.concatenate([before, after]), np.ones(20_000))
    found = alteration(lambda: [(before, after)])
    assert found.variety(Alteration.of(whole, 6, weighted=False)) > 0.4
    flagged = found.unchanged(found.statistic(before, after)) < 0.01
    assert not flagged[water].any()
    assert flagged[~water].mean() < 0.95


@pytest.mark.parametrize("share", [0.1, 0.3, 0.45])
def test_change_is_found_however_much_there_is_of_it(share: float) -> None:
    before, after = pair(8, pixels=20_000, bands=6)
    changed = np.arange(20_000) < share * 20_000
    after[:, changed] = pair(9, pixels=20_000, bands=6)[1][:, changed]
    found = alteration(lambda: [(before, after)])
    flagged = found.unchanged(found.statistic(before, after)) < 0.01
    assert flagged[changed].mean() > 0.99
    assert flagged[~changed].mean() < 0.05


def test_a_band_that_says_nothing_changes_nothing() -> None:
    before, after = pair(10, changed=400)
    dead = [np.concatenate([d, np.full((1, d.shape[1]), 7.0)]) for d in (before, after)]
    found = alteration(lambda: [tuple(dead)])
    swapped = alteration(lambda: [tuple(dead[::-1])])
    statistic_of = found.statistic(*dead)
    assert swapped.statistic(*dead[::-1]) == pytest.approx(statistic_of, rel=1e-3, abs=1e-3)
    alone = statistic(before, after)
    assert np.corrcoef(np.log(statistic_of + 1), np.log(alone + 1))[0, 1] > 0.99


def test_what_dates_have_in_common_is_told_before_any_are_left_out() -> None:
    before, after = pair(6, bands=3)
    assert alteration(lambda: [(before, after)]).in_common > 0.9
    elsewhere = pair(7, bands=3)[1]
    assert alteration(lambda: [(before, elsewhere)]).in_common < 0.2
