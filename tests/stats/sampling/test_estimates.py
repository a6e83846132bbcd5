"""Estimates from a sample: the published example, coverage in simulation, and what a full census must give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglm.stats.sampling.assessment import assess
from geoglm.stats.sampling.stratified import StratifiedSample

PUBLISHED = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
SIZES = np.array([200_000, 150_000, 3_200_000, 6_450_000])
HECTARES = 900_000


def sample_of(matrix: np.ndarray, sizes: np.ndarray) -> StratifiedSample:
    """A sample whose strata are the map classes, with the counts of `matrix`, map by row."""
    mapped, truth = (np.repeat(axis.ravel(), matrix.ravel()) for axis in np.indices(matrix.shape))
    return StratifiedSample(sizes, mapped, mapped, truth, len(matrix))


def test_the_worked_example_of_olofsson_and_others() -> None:
    """Tables 8 and 9 of the paper: deforestation, forest gain, stable forest, stable non-forest."""
    found = assess(sample_of(PUBLISHED, SIZES))
    assert (found.overall.value, found.overall.margin) == pytest.approx((0.947, 0.018), abs=6e-4)
    areas = [found.shares[k] * HECTARES for k in range(4)]
    assert [round(a.value) for a in areas] == [21_158, 11_686, 285_770, 581_386]
    assert [a.margin for a in areas] == pytest.approx([6_158, 3_756, 15_510, 16_282], abs=2)
    assert [round(u.value, 2) for u in found.users] == [0.88, 0.73, 0.93, 0.96]
    assert [round(u.margin, 2) for u in found.users] == [0.07, 0.10, 0.04, 0.02]
    assert [round(p.value, 2) for p in found.producers] == [0.75, 0.85, 0.93, 0.96]
    assert found.matrix.sum() == pytest.approx(1)


@pytest.mark.parametrize("strata_are_classes", [True, False])
def test_intervals_hold_the_truth_nineteen_times_in_twenty(strata_are_classes: bool) -> None:
    """2,000 samples of a map of three classes with mistakes; the nominal 95 % must cover 93 to 97 %."""
    rng = np.random.default_rng(5)
    truth = rng.choice(3, 40_000, p=[0.15, 0.3, 0.55])
    mapped = np.where(rng.random(40_000) < 0.8, truth, rng.choice(3, 40_000))
    stratum = mapped if strata_are_classes else (rng.random(40_000) < 0.3).astype(int) + (mapped == 0)
    members = [np.flatnonzero(stratum == h) for h in range(3)]
    sizes = np.array([len(m) for m in members])
    right = {
        "overall": (mapped == truth).mean(),
        "share": (truth == 0).mean(),
        "user's": (truth == 0)[mapped == 0].mean(),
        "producer's": (mapped == 0)[truth == 0].mean(),
    }
    hits = dict.fromkeys(right, 0)
    for _ in range(2000):
        units = np.concatenate([rng.choice(m, 400, replace=False) for m in members])
        found = assess(StratifiedSample(sizes, stratum[units], mapped[units], truth[units], 3))
        told = (found.overall, found.shares[0], found.users[0], found.producers[0])
        for (name, value), estimate in zip(right.items(), told, strict=True):
            hits[name] += abs(estimate.value - value) <= estimate.margin
    for name, hit in hits.items():
        assert 0.93 <= hit / 2000 <= 0.97, name


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_a_census_knows_everything_for_sure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, mapped, stratum = (rng.integers(0, n, 300) for n in (4, 4, 3))
    sizes = np.bincount(stratum, minlength=3)
    found = assess(StratifiedSample(sizes, stratum, mapped, truth, 4))
    assert found.overall.value == pytest.approx((truth == mapped).mean())
    assert found.overall.error == pytest.approx(0, abs=1e-9)
    assert [s.value for s in found.shares] == pytest.approx([(truth == k).mean() for k in range(4)])
    assert [p.error for p in found.producers] == pytest.approx([0] * 4, abs=1e-7)
    assert np.allclose(found.matrix * 300, np.histogram2d(mapped, truth, bins=np.arange(5))[0])


def test_what_the_sample_says_nothing_about_is_not_a_number() -> None:
    matrix = np.array([[9, 1, 0], [2, 8, 0], [0, 0, 0]])
    found = assess(sample_of(matrix, np.array([100, 50, 0])))
    assert np.isnan(found.users[2].value)
    assert np.isnan(found.producers[2].value)
    assert found.shares[2].value == 0
    assert found.as_dict("abc")["classes"]["c"]["users_accuracy"]["value"] is None


def test_one_unit_tells_nothing_of_spread() -> None:
    with pytest.raises(ValueError, match="stratum 1 has 1 labelled units; 2 are needed"):
        assess(sample_of(np.array([[5, 0], [0, 1]]), np.array([100, 50])))
