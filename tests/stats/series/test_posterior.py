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


def by_all_paths(likelihood: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """The definition: every path of classes counts for what it is worth, for the classes it goes through."""
    dates, classes = likelihood.shape
    found = np.zeros((dates, classes))
    for path in product(range(classes), repeat=dates):
        worth = np.prod([likelihood[t, c] for t, c in enumerate(path)])
        worth *= np.prod([transitions[t, a, b] for t, (a, b) in enumerate(pairwise(path))])
        for t, c in enumerate(path):
            found[t, c] += worth
    return found / found.sum(axis=1, keepdims=True)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Likelihoods ``(pixel, date, class)``, now and then of nothing seen, and transitions of any kind."""
    dates, classes = draw(st.integers(2, 5)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    likelihood = rng.random((3, dates, classes)) ** 3 + 1e-4
    likelihood[rng.random((3, dates)) < 0.2] = 1
    return likelihood, rng.dirichlet(np.full(classes, 0.5), size=(dates - 1, classes)) + 1e-6


@given(cases())
@settings(max_examples=40)
def test_it_is_the_sum_over_all_paths(case: tuple[np.ndarray, np.ndarray]) -> None:
    likelihood, transitions = case
    expected = np.stack([by_all_paths(pixel, transitions) for pixel in likelihood])
    assert np.allclose(posterior(likelihood, transitions), expected, atol=1e-12)


@given(cases())
@settings(max_examples=40)
def test_time_run_backwards_with_transposed_transitions_gives_the_posterior_backwards(
    case: tuple[np.ndarray, np.ndarray],
) -> None:
    likelihood, transitions = case
    back = posterior(likelihood[:, ::-1], transitions[::-1].transpose(0, 2, 1))
    assert np.allclose(back[:, ::-1], posterior(likelihood, transitions), atol=1e-12)


@given(cases())
@settings(max_examples=20)
def test_a_pixel_is_the_same_alone_as_among_others_to_the_last_bit(case: tuple[np.ndarray, np.ndarray]) -> None:
    likelihood, transitions = case
    assert np.array_equal(posterior(likelihood[1:2], transitions)[0], posterior(likelihood, transitions)[1])


@given(st.integers(2, 9), st.floats(0.6, 0.999), st.floats(0.01, 3), st.floats(0.01, 3))
def test_gaps_add_up(classes: int, stay: float, first: float, second: float) -> None:
    chain = Chain(classes, stay)
    assert np.allclose(chain.over(first) @ chain.over(second), chain.over(first + second))
    assert np.allclose(chain.over(first).sum(axis=1), 1)
    assert chain.over(1)[0, 0] == pytest.approx(stay)


@given(st.integers(0, 10_000), st.integers(1, 5))
@settings(max_examples=30)
def test_a_date_that_saw_nothing_changes_nothing(seed: int, place: int) -> None:
    """Left out or in, wherever it lies between the others, the other dates' answers are the same."""
    rng = np.random.default_rng(seed)
    days = [date.fromordinal(730_000 + int(n)) for n in np.cumsum(rng.integers(1, 900, 7))]
    likelihood = rng.random((4, 7, 3)) + 0.01
    likelihood[:, place] = 1
    with_it = posterior(likelihood, Chain(3).between(days))
    others = [k for k in range(7) if k != place]
    without = posterior(likelihood[:, others], Chain(3).between([days[k] for k in others]))
    assert np.allclose(with_it[:, others], without, atol=1e-12)


@pytest.mark.parametrize("stay", [1.0, 1.5, 1 / 3, 0.2, -1, float("nan")])
def test_a_stay_that_is_none_is_refused(stay: float) -> None:
    with pytest.raises(SeriesError, match="same class a year later"):
        Chain(3, stay)
