"""Samples of a map: shared out as asked, every unit as likely, and the same however the map passes by."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geoglm.stats.sampling.design import ALLOCATIONS, RARE_UNITS, allocate, located, ranks

SIZES = st.lists(st.one_of(st.integers(0, 50), st.integers(0, 10**7)), min_size=1, max_size=8)


@given(SIZES, st.integers(2, 2000), st.sampled_from(ALLOCATIONS))
def test_the_sample_is_as_large_as_asked_and_fits_its_strata(sizes: list[int], count: int, rule: str) -> None:
    strata = np.array(sizes)
    assume(count >= np.minimum(strata, 2).sum())
    taken = allocate(count, strata, rule)
    assert taken.sum() == min(count, strata.sum())
    assert (taken <= strata).all()
    assert (taken >= np.minimum(strata, 2)).all()


def test_rules_share_out_as_they_are_called() -> None:
    sizes = np.array([10_000, 60_000, 30_000])
    assert allocate(100, sizes, "proportional").tolist() == [10, 60, 30]
    assert allocate(99, sizes, "equal").tolist() == [33, 33, 33]
    rare = allocate(500, np.array([1_000, 99_000]), "balanced")
    assert rare.tolist() == [RARE_UNITS, 500 - RARE_UNITS]


def test_too_small_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="3 units are too few for 2 strata; 4 are needed"):
        allocate(3, np.array([10, 10]), "equal")
    with pytest.raises(ValueError, match="'best' is unknown"):
        allocate(30, np.array([10, 10]), "best")


@given(st.integers(0, 1000), st.integers(1, 12))
def test_drawn_units_are_where_they_are_said_to_be_whatever_the_bands(seed: int, height: int) -> None:
    rng = np.random.default_rng(seed)
    strata = rng.integers(-1, 4, (23, 17))
    sizes = np.bincount(strata[strata >= 0].ravel(), minlength=4)
    drawn = ranks(np.minimum(sizes, 5), sizes, seed)
    whole = sorted(located([strata], drawn))
    assert [strata[r, c] for _, r, c in whole] == [s for s, _, _ in whole]
    assert len(set(whole)) == sum(len(d) for d in drawn)
    assert sorted(located([strata[k : k + height] for k in range(0, 23, height)], drawn)) == whole


def test_every_unit_is_as_likely() -> None:
    sizes = np.array([20, 5])
    times = np.zeros(20)
    for seed in range(2000):
        times[ranks(np.array([4, 2]), sizes, seed)[0]] += 1
    assert times == pytest.approx(400, abs=5 * np.sqrt(400 * 0.8))
