"""Maps made consistent in time: noise goes, change stays, and a series without either is left as it is."""

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglm.stats.series.chain import Chain
from geoglm.stats.series.evidence import Labelled, Probabilities
from geoglm.stats.series.smooth import first_change, flips, smooth
from geoglm.types import INVALID

YEARS = [date(2010 + k, 7, 1) for k in range(10)]


def noisy(truth: np.ndarray, classes: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Labels of which a share is replaced by any other class, on each date anew."""
    wrong = (truth + rng.integers(1, classes, truth.shape)) % classes
    return np.where(rng.random(truth.shape) < share, wrong, truth).astype(np.uint8)


def true_flips(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """``(date − 1, pixel)`` where labels show a change that there was: right before it and right after it."""
    changed = truth[1:] != truth[:-1]
    found: np.ndarray = changed & (labels[1:] == truth[1:]) & (labels[:-1] == truth[:-1])
    return found


def smoothed(labels: np.ndarray, classes: int) -> np.ndarray:
    dates = [Labelled(row, classes, noise=0.05) for row in labels]
    return smooth(dates, Chain(classes).between(YEARS[: len(labels)])).places


def test_of_five_percent_noise_four_fifths_of_the_false_flips_go_and_the_changes_that_show_stay() -> None:
    """Ten annual maps, 20,000 pixels, a tenth of them with one change in any of the nine years."""
    rng, classes, pixels = np.random.default_rng(1), 5, 20_000
    before = rng.integers(0, classes, pixels)
    after = (before + rng.integers(1, classes, pixels)) % classes
    when = np.where(rng.random(pixels) < 0.1, rng.integers(1, 10, pixels), 99)
    truth = np.where(np.arange(10)[:, None] < when, before, after).astype(np.uint8)
    seen = noisy(truth, classes, 0.05, rng)
    made = smoothed(seen, classes)
    shown, kept = true_flips(seen, truth), true_flips(made, truth)
    assert (shown & kept).sum() >= 0.95 * shown.sum()
    assert flips(made) - kept.sum() <= 0.2 * (flips(seen) - shown.sum())


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(3, 10))
@settings(max_examples=25)
def test_without_noise_and_change_nothing_is_altered(seed: int, classes: int, dates: int) -> None:
    still = np.random.default_rng(seed).integers(0, classes, 50).astype(np.uint8)
    labels = np.tile(still, (dates, 1))
    assert np.array_equal(smoothed(labels, classes), labels)
    assert flips(labels) == 0
    assert (first_change(labels) == 0).all()


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_sure_probabilities_that_last_are_left_as_they_are(seed: int) -> None:
    """Two years of each class and more: whatever changes for that long has changed."""
    rng = np.random.default_rng(seed)
    runs = np.repeat(rng.integers(0, 3, (5, 40)), 2, axis=0).astype(np.uint8)
    dates = [Probabilities((100 * (row == np.arange(3)[:, None])).astype(np.uint8)) for row in runs]
    assert np.array_equal(smooth(dates, Chain(3).between(YEARS)).places, runs)


def test_gaps_are_filled_and_pixels_never_seen_stay_empty() -> None:
    labels = np.array([[1, 1, 255, 255], [255, 255, 255, 2], [1, 2, 255, 255], [1, 2, 255, 255]], np.uint8)
    made = smoothed(labels, 3)
    assert made[:, 0].tolist() == [1, 1, 1, 1]
    assert made[[0, 2, 3], 1].tolist() == [1, 2, 2]
    assert made[1, 1] in (1, 2)
    assert (made[:, 2] == INVALID).all()
    assert (made[:, 3] == 2).all()


def test_a_weak_flip_goes_and_a_sure_one_stays_however_the_dates_lie() -> None:
    def percents(*shares: int) -> list[Probabilities]:
        return [Probabilities(np.array([[100 - s], [s]], np.uint8)) for s in shares]

    chain = Chain(2).between(YEARS[:5])
    assert smooth(percents(5, 5, 60, 5, 5), chain).places[:, 0].tolist() == [0, 0, 0, 0, 0]
    assert smooth(percents(5, 5, 95, 95, 95), chain).places[:, 0].tolist() == [0, 0, 1, 1, 1]


def test_confidence_decides_where_a_map_has_it() -> None:
    def labelled(*sure: int) -> list[Labelled]:
        return [
            Labelled(np.array([c], np.uint8), 2, 0.05, np.array([s], np.uint8))
            for c, s in zip((0, 0, 1), sure, strict=True)
        ]

    chain = Chain(2).between(YEARS[:3])
    assert smooth(labelled(90, 90, 55), chain).places[:, 0].tolist() == [0, 0, 0]
    assert smooth(labelled(90, 90, 99), chain).places[:, 0].tolist() == [0, 0, 1]


@given(st.integers(0, 10_000), st.integers(1, 70_000))
@settings(max_examples=4)
def test_strips_give_what_the_whole_gives(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    labels = noisy(rng.integers(0, 4, (1, 70_001)).repeat(4, axis=0), 4, 0.3, rng)
    labels[rng.random(labels.shape) < 0.1] = INVALID
    whole = smoothed(labels, 4)
    assert np.array_equal(np.concatenate([smoothed(labels[:, :cut], 4), smoothed(labels[:, cut:], 4)], axis=1), whole)
