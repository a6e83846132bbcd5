"""Shapley values: what each of several players adds to what they reach together, whoever came before.

Shapley 1953 (doi 10.1515/9781400881970-018); as a measure of inputs Štrumbelj & Kononenko 2014
(doi 10.1007/s10115-013-0679-x). The formula is short, and images have few bands: no library is needed for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Worth = Callable[[NDArray[np.bool_]], NDArray[np.float64]]
"""What coalitions reach: ``(n, player)``, True who is in, to ``(n,)``."""

MOST_EXACT = 10
"""Players up to which all coalitions are looked at, 1024 of them."""


@dataclass(frozen=True, slots=True)
class Shapley:
    """The share of each player.

    Args:
        shares: ``(player,)``; they add up to `everyone` − `nobody`.
        errors: ``(player,)`` standard errors; zero where all coalitions were looked at.
        nobody, everyone: what these reach.
    """

    shares: NDArray[np.float64]
    errors: NDArray[np.float64]
    nobody: float
    everyone: float


def shapley(worth: Worth, players: int, *, pairs: int = 64, seed: int = 0) -> Shapley:
    """Exact for up to `MOST_EXACT` players, else from orders drawn at random.

    Args:
        pairs: orders drawn, each with its reverse.
    """
    return exact(worth, players) if players <= MOST_EXACT else sampled(worth, players, pairs=pairs, seed=seed)


def exact(worth: Worth, players: int) -> Shapley:
    """``φᵢ = Σ_S |S|! (n − |S| − 1)! / n! · (v(S ∪ i) − v(S))`` over all S without i.

    >>> exact(lambda s: s @ np.array([1.0, 2.0]) + 4 * s.all(axis=1), 2).shares.tolist()
    [3.0, 4.0]
    """
    codes = np.arange(2**players)
    inside = (codes[:, None] >> np.arange(players)) % 2 == 1
    value, size = worth(inside), inside.sum(axis=1)
    weights = np.array([1 / (players * math.comb(players - 1, k)) for k in range(players)])
    shares = np.empty(players)
    for player in range(players):
        without = codes[~inside[:, player]]
        shares[player] = weights[size[without]] @ (value[without + 2**player] - value[without])
    return Shapley(shares, np.zeros(players), float(value[0]), float(value[-1]))


def sampled(worth: Worth, players: int, *, pairs: int, seed: int) -> Shapley:
    """The mean over orders of what each player adds when its turn comes (Castro et al. 2009,
    doi 10.1016/j.cor.2008.04.004).

    Each order is followed by its reverse, which lowers the variance (Mitchell et al. 2022, arXiv 2104.12199); the
    shares add up whatever is drawn.
    """
    rng = np.random.default_rng(seed)
    orders = [o for _ in range(pairs) for order in [rng.permutation(players)] for o in (order, order[::-1])]
    ranks = np.argsort(np.array(orders), axis=1)
    inside = ranks[:, None, :] < np.arange(1, players)[:, None]  # who is in after 1, 2, ... turns
    ends = np.stack([np.zeros(players, np.bool_), np.ones(players, np.bool_)])
    value = worth(np.concatenate([ends, inside.reshape(-1, players)]))
    between = value[2:].reshape(len(orders), players - 1)
    steps = np.diff(np.column_stack([np.full(len(orders), value[0]), between, np.full(len(orders), value[1])]), axis=1)
    added = np.take_along_axis(steps, ranks, axis=1)
    of_pairs = added.reshape(pairs, 2, players).mean(axis=1)
    errors = of_pairs.std(axis=0, ddof=1) / math.sqrt(pairs)
    return Shapley(added.mean(axis=0), errors, float(value[0]), float(value[1]))
