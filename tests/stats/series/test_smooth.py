"""Maps made consistent in time: noise goes, change stays, and a series without either is left as it is."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglm.stats.series.chain import Chain
from geoglm.stats.series.evidence import Labelled, Probabilities
from geoglm.stats.series.smooth import NEIGHBOURS, first_change, flips, smooth
from geoglm.types import INVALID

YEARS = [date(2010 + k, 7, 1) for k in range(10)]


def noisy(truth: np.ndarray, classes: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Labels of which a share is replaced by any other class, on each date anew."""
    wrong = (truth + rng.integers(1, classes, truth.shape)) % classes
    return np.where(rng.random(truth.shape) < share, wrong, truth).astype(np.uint8)


def true_flips(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """``(date − 1, y, x)`` where labels show a change that there was: right before it and right after it."""
    changed = truth[1:] != truth[:-1]
    found: np.ndarray = changed & (labels[1:] == truth[1:]) & (labels[:-1] == truth[:-1])
    return found


def smoothed(labels: np.ndarray, classes: int, *, neighbours: float = NEIGHBOURS) -> np.ndarray:
    """Of ``(date, y, x)`` labels."""
    dates = [Labelled(year.ravel(), classes, noise=0.05) for year in labels]
    change = Chain(classes).between(YEARS[: len(labels)])
    return smooth(dates, change, labels.shape[1:], neighbours=neighbours).places


def patches(years: int, rng: np.random.Generator) -> np.ndarray:
    """Five classes in patches, 200 × 200 px; forty pieces change, each in any of the years, the last included."""
    truth = np.tile(rng.integers(0, 5, (20, 20)).repeat(10, 0).repeat(10, 1), (years, 1, 1))
    for _ in range(40):
        row, col, height, width = *rng.integers(0, 170, 2), *rng.integers(8, 30, 2)
        piece = truth[rng.integers(1, years) :, row : row + height, col : col + width]
        piece[:] = (piece + rng.integers(1, 5)) % 5
    return truth.astype(np.uint8)


@pytest.mark.parametrize(("neighbours", "removed", "kept"), [(NEIGHBOURS, 0.97, 0.97), (0.0, 0.80, 0.88)])
def test_of_five_percent_noise_the_false_flips_go_and_the_true_changes_stay(
    neighbours: float, removed: float, kept: float
) -> None:
    """Ten annual maps. Kept is what is right just before and just after; by itself a pixel cannot do better than its
    labels there, of which 5 % are wrong on either side."""
    rng = np.random.default_rng(1)
    truth = patches(10, rng)
    seen = noisy(truth, 5, 0.05, rng)
    made = smoothed(seen, 5, neighbours=neighbours)
    changes, shown, found = (true_flips(labels, truth).sum() for labels in (truth, seen, made))
    assert 1 - (flips(made) - found) / (flips(seen) - shown) >= removed
    assert found / changes >= kept
    assert (true_flips(made, truth) & true_flips(seen, truth)).sum() / shown >= 0.97


def test_on_the_last_date_a_patch_is_believed_and_a_single_pixel_is_not() -> None:
    labels = np.zeros((5, 20, 20), np.uint8)
    labels[4, 5:10, 5:10] = 1
    labels[4, 15, 15] = 1
    made = smoothed(labels, 3)
    assert made[4, 5:10, 6:9].all()
    assert made[4, 15, 15] == 0
    assert smoothed(labels, 3, neighbours=0)[4, 15, 15] == 1


def test_neighbours_that_change_with_a_pixel_say_what_it_was_and_others_do_not() -> None:
    labels = np.zeros((4, 24, 24), np.uint8)
    labels[1:, 4:12, 4:12] = 1
    labels[0, 8, 8] = 2  # wrong on the only date before its change
    labels[:, 18, 18] = 2  # small, and there all along
    labels[:2, 20, 20], labels[2:, 20, 20] = 2, 1
    made = smoothed(labels, 4)
    assert not made[0, 4:12, 4:12].any()
    assert (made[1:, 4:12, 4:12] == 1).all()
    assert (made[:, 18, 18] == 2).all()
    assert made[:, 20, 20].tolist() == [2, 2, 1, 1]


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(3, 10), st.sampled_from([0.0, NEIGHBOURS]))
@settings(max_examples=25)
def test_without_noise_and_change_nothing_is_altered(seed: int, classes: int, dates: int, neighbours: float) -> None:
    still = np.random.default_rng(seed).integers(0, classes, (5, 10)).astype(np.uint8)
    labels = np.tile(still, (dates, 1, 1))
    assert np.array_equal(smoothed(labels, classes, neighbours=neighbours), labels)
    assert flips(labels) == 0
    assert (first_change(labels) == 0).all()


@given(st.integers(0, 10_000), st.sampled_from([0.0, NEIGHBOURS]))
@settings(max_examples=25)
def test_sure_probabilities_that_last_are_left_as_they_are(seed: int, neighbours: float) -> None:
    """Two years of each class and more: whatever changes for that long has changed."""
    rng = np.random.default_rng(seed)
    runs = np.repeat(rng.integers(0, 3, (5, 40)), 2, axis=0).astype(np.uint8)
    dates = [Probabilities((100 * (row == np.arange(3)[:, None])).astype(np.uint8)) for row in runs]
    made = smooth(dates, Chain(3).between(YEARS), (5, 8), neighbours=neighbours)
    assert np.array_equal(made.places.reshape(10, 40), runs)


def test_gaps_are_filled_and_pixels_never_seen_stay_empty() -> None:
    labels = np.array([[1, 1, 255, 255], [255, 255, 255, 2], [1, 2, 255, 255], [1, 2, 255, 255]], np.uint8)
    made = smoothed(labels[:, None], 3, neighbours=0)[:, 0]
    assert made[:, 0].tolist() == [1, 1, 1, 1]
    assert made[[0, 2, 3], 1].tolist() == [1, 2, 2]
    assert made[1, 1] in (1, 2)
    assert (made[:, 2] == INVALID).all()
    assert (made[:, 3] == 2).all()


def test_neighbours_that_saw_nothing_count_for_nothing() -> None:
    """A change seen through a hole in the clouds is what it would be alone."""
    labels = np.full((3, 9, 9), INVALID, np.uint8)
    labels[:, 4, 4] = (0, 1, 1)
    assert smoothed(labels, 2)[:, 4, 4].tolist() == smoothed(labels, 2, neighbours=0)[:, 4, 4].tolist() == [0, 1, 1]


def test_a_weak_flip_goes_and_a_sure_one_stays_however_the_dates_lie() -> None:
    def through(*shares: int) -> list[int]:
        dates = [Probabilities(np.array([[100 - s], [s]], np.uint8)) for s in shares]
        made: list[int] = smooth(dates, Chain(2).between(YEARS[:5]), (1, 1)).places.ravel().tolist()
        return made

    assert through(5, 5, 60, 5, 5) == [0, 0, 0, 0, 0]
    assert through(5, 5, 95, 95, 95) == [0, 0, 1, 1, 1]


def test_confidence_decides_where_a_map_has_it() -> None:
    def through(*sure: int) -> list[int]:
        seen = zip((0, 0, 1), sure, strict=True)
        dates = [Labelled(np.array([c], np.uint8), 2, 0.05, np.array([s], np.uint8)) for c, s in seen]
        made: list[int] = smooth(dates, Chain(2).between(YEARS[:3]), (1, 1)).places.ravel().tolist()
        return made

    assert through(90, 90, 55) == [0, 0, 0]
    assert through(90, 90, 99) == [0, 0, 1]


@given(st.integers(0, 10_000), st.integers(2, 348), st.sampled_from([0.0, NEIGHBOURS]))
@settings(max_examples=6)
def test_strips_with_a_pixel_more_give_what_the_whole_gives(seed: int, cut: int, neighbours: float) -> None:
    rng = np.random.default_rng(seed)
    labels = noisy(np.tile(rng.integers(0, 4, (350, 60)), (4, 1, 1)), 4, 0.3, rng)
    labels[rng.random(labels.shape) < 0.1] = INVALID
    upper = smoothed(labels[:, : cut + 1], 4, neighbours=neighbours)[:, :cut]
    lower = smoothed(labels[:, cut - 1 :], 4, neighbours=neighbours)[:, 1:]
    assert np.array_equal(np.concatenate([upper, lower], axis=1), smoothed(labels, 4, neighbours=neighbours))
