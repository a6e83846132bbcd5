"""Shapley values, by the laws that single them out."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglm.stats.explain.shapley import exact, sampled, shapley


def game(players: int, seed: int) -> np.ndarray:
    """What each coalition reaches, by its number in binary."""
    return np.random.default_rng(seed).standard_normal(2**players)


def worth_of(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return values[inside @ (1 << np.arange(inside.shape[1]))]


@settings(max_examples=30)
@given(players=st.integers(1, 5), seed=st.integers(0, 99))
def test_they_are_the_mean_over_all_orders_and_add_up(players: int, seed: int) -> None:
    values = game(players, seed)
    found = exact(lambda inside: worth_of(values, inside), players)
    slow = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        there = 0
        for player in order:
            slow[player] += (values[there | 1 << player] - values[there]) / len(orders)
            there |= 1 << player
    assert found.shares == pytest.approx(slow)
    assert found.shares.sum() == pytest.approx(found.everyone - found.nobody)


@settings(max_examples=20)
@given(players=st.integers(2, 14), seed=st.integers(0, 99))
def test_of_a_sum_each_gets_its_own_however_many_there_are(players: int, seed: int) -> None:
    own = np.random.default_rng(seed).standard_normal(players)
    found = shapley(lambda inside: inside @ own + 3, players, pairs=4)
    assert found.shares == pytest.approx(own)
    assert found.errors == pytest.approx(0, abs=1e-9)
    assert found.nobody == pytest.approx(3)


def test_sampled_values_come_near_the_exact_ones_and_add_up() -> None:
    values = game(6, 1)
    truth = exact(lambda inside: worth_of(values, inside), 6)
    found = sampled(lambda inside: worth_of(values, inside), 6, pairs=2000, seed=0)
    assert (np.abs(found.shares - truth.shares) < 4 * found.errors).all()
    assert found.errors.max() < 0.05
    assert found.shares.sum() == pytest.approx(truth.everyone - truth.nobody)
