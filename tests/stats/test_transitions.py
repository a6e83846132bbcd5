"""What became what: the laws of order and identity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglm.stats.transitions import SAME, Judged, TransitionCodes, change_probability
from geoglm.types import INVALID


def matrix(judged: Judged, scheme: TransitionCodes) -> np.ndarray:
    """Pixels from every class to every class."""
    cells = scheme.cells(judged.codes, judged.stays)
    return np.bincount(cells[cells != INVALID], minlength=scheme.count**2).reshape(scheme.count, scheme.count)


def dates(seed: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Two dates ``(class, 4, 30)`` in percent, some of it without data."""
    rng = np.random.default_rng(seed)
    both = rng.dirichlet(np.full(classes, 0.4), size=(2, 4, 30)).transpose(0, 3, 1, 2)
    percent = np.rint(100 * both).astype(np.uint8)
    for date in percent:
        date[:, rng.random((4, 30)) < 0.1] = INVALID
    return percent[0], percent[1]


@given(st.integers(0, 10_000), st.integers(2, 15), st.sampled_from([0.5, 0.75, 0.9]))
@settings(max_examples=30)
def test_swapping_the_dates_transposes_the_matrix_and_nothing_else(seed: int, classes: int, at_least: float) -> None:
    before, after = dates(seed, classes)
    scheme = TransitionCodes(classes)
    there = Judged.of_probabilities(before, after, scheme, at_least=at_least)
    back = Judged.of_probabilities(after, before, scheme, at_least=at_least)
    first, second = (matrix(j, scheme) for j in (there, back))
    assert np.array_equal(first.T, second)
    assert np.array_equal(there.percent, back.percent)
    assert np.array_equal(there.stays, back.stays)
    changed = (there.codes != SAME) & (there.codes != INVALID)
    pairs = [scheme.pair(c) for c in there.codes[changed].tolist()]
    assert [scheme.pair(c)[::-1] for c in back.codes[changed].tolist()] == pairs
    known = (before[0] != INVALID) & (after[0] != INVALID)
    assert first.sum() == known.sum()


@given(st.integers(0, 10_000), st.integers(2, 15))
@settings(max_examples=20)
def test_the_compiled_judgement_is_the_slow_obvious_one(seed: int, classes: int) -> None:
    before, after = dates(seed, classes)
    known = (before[0] != INVALID) & (after[0] != INVALID)
    first, second = (np.where(known, p, 1).astype(np.int64) for p in (before, after))
    probability = change_probability(first, second)
    scheme = TransitionCodes(classes)
    codes = np.where(probability >= 0.75, scheme.of(first.argmax(axis=0), second.argmax(axis=0)), SAME)
    judged = Judged.of_probabilities(before, after, scheme, at_least=0.75)
    close = np.abs(probability - 0.75) < 1e-9
    assert np.array_equal(judged.codes[~close], np.where(known, codes, INVALID)[~close])
    assert np.array_equal(judged.stays, np.where(known, (first * second).argmax(axis=0), INVALID))
    assert np.abs(judged.percent[known] - 100 * probability[known]).max(initial=0) <= 0.5 + 1e-9
    assert (judged.percent[~known] == INVALID).all()


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_a_date_against_itself_has_no_change(seed: int) -> None:
    before, _ = dates(seed, 4)
    scheme = TransitionCodes(4)
    judged = Judged.of_probabilities(before, before, scheme, at_least=0.5)
    assert set(np.unique(judged.codes)) <= {SAME, INVALID}
    assert np.count_nonzero(matrix(judged, scheme) * (1 - np.eye(4))) == 0
    places = np.where(before[0] == INVALID, INVALID, before.argmax(axis=0)).astype(np.uint8)
    mapped = Judged.of_classes(places, places, scheme)
    assert set(np.unique(mapped.percent)) <= {0, INVALID}


def test_probability_of_change_is_one_minus_that_of_the_same_class() -> None:
    before, after = np.array([0.9, 0.1, 0.0]), np.array([0.2, 0.5, 0.3])
    assert change_probability(before, after) == pytest.approx(1 - (0.18 + 0.05))
    assert change_probability(before * 1.01, after) == pytest.approx(1 - (0.18 + 0.05))


def test_a_weak_flip_is_no_change() -> None:
    scheme = TransitionCodes(2)
    weak = [np.array([[[45]], [[55]]], np.uint8), np.array([[[58]], [[42]]], np.uint8)]
    sure = [np.array([[[2]], [[98]]], np.uint8), np.array([[[95]], [[5]]], np.uint8)]
    assert Judged.of_probabilities(*weak, scheme, at_least=0.75).codes.item() == SAME
    assert scheme.pair(Judged.of_probabilities(*sure, scheme, at_least=0.75).codes.item()) == (1, 0)


@given(st.integers(1, 15))
def test_every_change_has_a_code_of_its_own(classes: int) -> None:
    scheme = TransitionCodes(classes)
    assert len(set(scheme.all)) == classes * (classes - 1)
    assert all(SAME < code < INVALID for code in scheme.all)
    for code in scheme.all:
        first, second = scheme.pair(code)
        assert scheme.of(np.array([first]), np.array([second])) == [code]
