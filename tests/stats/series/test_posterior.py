"""The forward-backward pass: it is the sum over all paths, whichever way time runs."""

from datetime import date
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglm.errors import SeriesError
from geoglm.stats.series.chain import Chain
from geoglm.stats.series.posterior import posterior


def matrix(change: float, classes: int) -> np.ndarray:
    """``(from, to)`` probabilities."""
    return np.where(np.eye(classes, dtype=bool), 1 - change, change / (classes - 1))


def by_all_paths(likelihood: np.ndarray, change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The definition: every path of classes counts for what it is worth, for the classes it goes through."""
    dates, classes = likelihood.shape
    found, changed = np.zeros((dates, classes)), np.zeros(dates - 1)
    for path in product(range(classes), repeat=dates):
        worth = np.prod([likelihood[t, c] for t, c in enumerate(path)])
        worth *= np.prod([matrix(change[t], classes)[a, b] for t, (a, b) in enumerate(pairwise(path))])
        for t, c in enumerate(path):
            found[t, c] += worth
        changed += worth * np.array([a != b for a, b in pairwise(path)])
    total = found[0].sum()
    return found / total, changed / total


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Likelihoods ``(pixel, date, class)``, now and then of nothing seen, and probabilities of change."""
    dates, classes = draw(st.integers(2, 5)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    likelihood = rng.random((3, dates, classes)) ** 3 + 1e-4
    likelihood[rng.random((3, dates)) < 0.2] = 1
    return likelihood, rng.uniform(0.001, 0.8, (3, dates - 1))


@given(cases())
@settings(max_examples=40)
def test_it_is_the_sum_over_all_paths(case: tuple[np.ndarray, np.ndarray]) -> None:
    likelihood, change = case
    made = posterior(likelihood, change)
    for k, one in enumerate(zip(likelihood, change, strict=True)):
        classes, changes = by_all_paths(*one)
        assert np.allclose(made.classes[k], classes, atol=1e-12)
        assert np.allclose(made.changes[k], changes, atol=1e-12)


@given(cases())
@settings(max_examples=40)
def test_time_run_backwards_gives_the_posterior_backwards(
    case: tuple[np.ndarray, np.ndarray],
) -> None:
    """The transitions are their own transposes: from any class to any other it is as likely as back."""
    likelihood, change = case
    there, back = posterior(likelihood, change), posterior(likelihood[:, ::-1], change[:, ::-1])
    assert np.allclose(back.classes[:, ::-1], there.classes, atol=1e-12)
    assert np.allclose(back.changes[:, ::-1], there.changes, atol=1e-12)


@given(cases())
@settings(max_examples=20)
def test_a_pixel_is_the_same_alone_as_among_others_to_the_last_bit(case: tuple[np.ndarray, np.ndarray]) -> None:
    likelihood, change = case
    alone, among = posterior(likelihood[1:2], change[1:2]), posterior(likelihood, change)
    assert np.array_equal(alone.classes[0], among.classes[1])
    assert np.array_equal(alone.changes[0], among.changes[1])


@given(st.integers(2, 9), st.floats(0.6, 0.999), st.floats(0.01, 3), st.floats(0.01, 3))
def test_gaps_add_up(classes: int, stay: float, first: float, second: float) -> None:
    chain = Chain(classes, stay)
    one, other, both = (matrix(chain.change(years), classes) for years in (first, second, first + second))
    assert np.allclose(one @ other, both)
    assert 1 - chain.change(1) == pytest.approx(stay)


@given(st.integers(0, 10_000), st.integers(1, 5))
@settings(max_examples=30)
def test_a_date_that_saw_nothing_changes_nothing(seed: int, place: int) -> None:
    """Left out or in, wherever it lies between the others, the other dates' answers are the same."""
    rng = np.random.default_rng(seed)
    days = [date.fromordinal(730_000 + int(n)) for n in np.cumsum(rng.integers(1, 900, 7))]
    likelihood = rng.random((4, 7, 3)) + 0.01
    likelihood[:, place] = 1
    with_it = posterior(likelihood, np.tile(Chain(3).between(days), (4, 1))).classes
    others = [k for k in range(7) if k != place]
    change = np.tile(Chain(3).between([days[k] for k in others]), (4, 1))
    assert np.allclose(with_it[:, others], posterior(likelihood[:, others], change).classes, atol=1e-12)


@pytest.mark.parametrize("stay", [1.0, 1.5, 1 / 3, 0.2, -1, float("nan")])
def test_a_stay_that_is_none_is_refused(stay: float) -> None:
    with pytest.raises(SeriesError, match="same class a year later"):
        Chain(3, stay)
