"""Samples of blocks: what they must give at their ends, and how often their intervals hold the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from geoglm.stats.sampling.assessment import assess
from geoglm.stats.sampling.stratified import StratifiedSample
from geoglm.stats.sampling.two_stage import TwoStageSample

SIDE, EDGE = 16, 22
"""A map of 22 x 22 blocks of 16 px."""


def patchy(rng: np.random.Generator, coarse: float) -> np.ndarray:
    """``(block, pixel)`` classes of a map in which neighbours are alike."""
    field = gaussian_filter(rng.normal(size=(EDGE * SIDE, EDGE * SIDE)), coarse)
    classes = np.searchsorted(np.quantile(field, [0.25, 0.6]), field)
    return classes.reshape(EDGE, SIDE, EDGE, SIDE).swapaxes(1, 2).reshape(EDGE**2, SIDE**2)


@pytest.mark.parametrize("by_class", [False, True], ids=["blocks at random", "blocks by class"])
def test_intervals_hold_the_truth_nineteen_times_in_twenty(by_class: bool) -> None:
    """2,000 samples of a patchy map with patchy mistakes; the nominal 95 % must cover 93 to 97 %."""
    rng = np.random.default_rng(3)
    truth = patchy(rng, 5)
    mapped = np.where(patchy(rng, 3) == 0, patchy(rng, 3), truth)
    size = rng.integers(SIDE**2 // 2, SIDE**2 + 1, EDGE**2)  # pixels with data differ from block to block
    there = np.arange(SIDE**2) < size[:, None]
    counts = np.stack([((mapped == k) & there).sum(axis=1) for k in range(3)], axis=1)
    stratum = counts.argmax(axis=1) if by_class else np.zeros(EDGE**2, np.int64)
    members = [np.flatnonzero(stratum == h) for h in range(stratum.max() + 1)]
    right = {
        "overall": (mapped == truth)[there].mean(),
        "share": (truth == 0)[there].mean(),
        "user's": (truth == 0)[there & (mapped == 0)].mean(),
        "producer's": (mapped == 0)[there & (truth == 0)].mean(),
    }
    hits = dict.fromkeys(right, 0)
    draws, per_block = 2000, 12
    for _ in range(draws):
        drawn = np.concatenate([rng.choice(m, 60 // len(members), replace=False) for m in members])
        inside = (rng.random((len(drawn), SIDE**2)) + 2 * ~there[drawn]).argpartition(per_block)[:, :per_block]
        units = drawn[:, None], inside
        sample = TwoStageSample(
            np.array([len(m) for m in members]),
            stratum[drawn],
            size[drawn],
            np.repeat(np.arange(len(drawn)), per_block),
            mapped[units].ravel(),
            truth[units].ravel(),
            3,
        )
        m, t = sample.mapped, sample.truth
        told = {
            "overall": sample.proportion(m == t),
            "share": sample.proportion(t == 0),
            "user's": sample.ratio(m == t, m == 0),
            "producer's": sample.ratio(m == t, t == 0),
        }
        for name, estimate in told.items():
            hits[name] += abs(estimate.value - right[name]) <= estimate.margin
    for name, hit in hits.items():
        assert 0.93 <= hit / draws <= 0.97, (name, hit / draws)


def a_sample(seed: int, *, pixels: int, per_block: int, drawn: int, blocks: int, strata: int) -> TwoStageSample:
    rng = np.random.default_rng(seed)
    stratum = np.repeat(np.arange(strata), drawn)
    block = np.repeat(np.arange(strata * drawn), per_block)
    mapped = rng.integers(0, 3, len(block))
    truth = np.where(rng.random(len(block)) < 0.6, mapped, rng.integers(0, 3, len(block)))
    sizes = np.full(strata * drawn, pixels)
    return TwoStageSample(np.full(strata, blocks), stratum, sizes, block, mapped, truth, 3)


@given(st.integers(0, 10**6), st.integers(1, 3))
@settings(max_examples=30)
def test_blocks_of_one_pixel_are_a_stratified_sample(seed: int, strata: int) -> None:
    sample = a_sample(seed, pixels=1, per_block=1, drawn=400, blocks=3000, strata=strata)
    plain = StratifiedSample(sample.blocks, sample.stratum, sample.mapped, sample.truth, 3)
    ours, theirs = assess(sample), assess(plain)
    assert ours.overall.value == pytest.approx(theirs.overall.value)
    assert ours.overall.error == pytest.approx(theirs.overall.error)
    assert np.allclose(ours.matrix, theirs.matrix)
    for mine, other in zip(ours.producers, theirs.producers, strict=True):
        assert mine.value == pytest.approx(other.value)
        assert mine.error == pytest.approx(other.error, rel=0.1)  # jackknife beside linear approximation


@given(st.integers(0, 10**6))
@settings(max_examples=30)
def test_where_every_block_is_drawn_the_blocks_are_the_strata(seed: int) -> None:
    sample = a_sample(seed, pixels=50, per_block=7, drawn=5, blocks=5, strata=2)
    ours = assess(sample)
    theirs = assess(StratifiedSample(sample.pixels, sample.block, sample.mapped, sample.truth, 3))
    for mine, other in zip((*ours.users, *ours.shares), (*theirs.users, *theirs.shares), strict=True):
        assert (mine.value, mine.error) == pytest.approx((other.value, other.error))


def test_a_census_knows_everything_for_sure() -> None:
    found = assess(a_sample(1, pixels=9, per_block=9, drawn=4, blocks=4, strata=3))
    errors = [e.error for e in (found.overall, *found.users, *found.producers, *found.shares)]
    assert errors == pytest.approx([0] * len(errors), abs=1e-9)


def test_blocks_that_are_alike_within_tell_less_than_their_points() -> None:
    """With one class a block, 7 points in each are worth no more than one."""
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 30)
    block = np.repeat(np.arange(30), 7)
    zeros = np.zeros(30, np.int64)
    many = TwoStageSample(np.array([1000]), zeros, zeros + 100, block, truth[block], truth[block], 2)
    share = truth.mean()
    honest = np.sqrt(0.97 * share * (1 - share) / 29)
    assert many.proportion(many.truth == 1).error == pytest.approx(honest, rel=0.01)


def test_of_a_class_in_one_block_nobody_knows_how_sure_its_accuracy_is() -> None:
    block = np.repeat(np.arange(4), 3)
    mapped = (block == 0).astype(np.int64)
    sample = TwoStageSample(np.array([50]), np.zeros(4, np.int64), np.full(4, 9), block, mapped, mapped, 2)
    users = assess(sample).users[1]
    assert users.value == 1
    assert np.isnan(users.error)
    assert users.as_dict()["low"] is None


@given(st.integers(0, 10**6), st.floats(0.1, 1e6))
@settings(max_examples=30)
def test_intervals_are_those_of_students_t_cut_to_what_shares_can_be(seed: int, area: float) -> None:
    found = assess(a_sample(seed, pixels=50, per_block=3, drawn=3, blocks=9, strata=1))
    for share in (found.overall, *found.users, *found.producers, *found.shares):
        for whole, estimate in ((1.0, share), (area, share * area)):
            told = estimate.as_dict()
            low, high = told["low"], told["high"]
            if low is None or high is None:
                assert np.isnan(share.error)
                continue
            assert low == pytest.approx(max(0.0, whole * (share.value - share.margin)))
            assert high == pytest.approx(min(whole, whole * (share.value + share.margin)))
            assert 0 <= low <= high <= whole


def test_one_point_in_a_block_or_one_block_in_a_stratum_tells_nothing_of_spread() -> None:
    with pytest.raises(ValueError, match="block 1 has 1 labelled units; 2 are needed"):
        assess(a_sample(0, pixels=9, per_block=1, drawn=4, blocks=9, strata=1))
    with pytest.raises(ValueError, match="stratum 1 has 1 drawn blocks; 2 are needed"):
        assess(a_sample(0, pixels=9, per_block=3, drawn=1, blocks=9, strata=1))
