"""Counterfactual: the smallest change of a few numbers after which a model chooses another class.

For each rival the point nearest to the origin where the two are level is sought as reliability engineers seek the most
probable point of failure: the difference of their scores is taken to be linear around where one stands, and one steps
to that plane's nearest point (Hasofer & Lind 1974; Rackwitz & Fiessler 1978, doi 10.1016/0045-7949(78)90046-9;
DeepFool, Moosavi-Dezfooli et al. 2016, arXiv 1511.04599, takes the same steps). For a linear model one step is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Scores = Callable[[Array], Array]
"""Changes ``(n, number)`` to the scores of all classes ``(n, class)``."""

BEYOND = 1e-3
"""How far behind a plane, as a share of the way to it, a step ends: on it neither class is ahead."""
LEVEL = 1e-4
"""Relative precision with which the way back to where the class flips is found."""


@dataclass(frozen=True, slots=True)
class Search:
    """How a flip is looked for.

    Args:
        step: between the points of a numerical derivative, in units of the numbers changed.
        stride: longest step.
        reach: longest change looked at.
        rounds: steps for each rival.
        rivals: classes tried, those that seem nearest first.
    """

    step: float = 0.1
    stride: float = 1.0
    reach: float = 8.0
    rounds: int = 12
    rivals: int = 3


@dataclass(frozen=True, slots=True)
class Flip:
    """A change, the class that is chosen after it, and its length."""

    change: Array
    index: int

    @property
    def length(self) -> float:
        """Euclidean norm of the change."""
        return float(np.linalg.norm(self.change))


def nearest_flip(scores: Scores, size: int, search: Search | None = None) -> Flip | None:
    """The smallest change found after which another class has the highest score; None if there is none in reach.

    Args:
        scores: of the model.
        size: how many numbers may change.

    >>> flip = nearest_flip(lambda x: np.column_stack([x[:, 0] * 0 + 1, x @ [3.0, 4.0]]), 2)
    >>> (flip.change.round(3).tolist(), round(flip.length, 3), flip.index)
    ([0.12, 0.16], 0.2, 1)
    """
    search = search or Search()
    origin = np.zeros(size)
    here, slopes = _around(scores, origin, search.step)
    first = int(here.argmax())
    if len(here) < 2:
        return None
    gaps, steep = here[first] - here, np.linalg.norm(slopes[first] - slopes, axis=1)
    away = np.where(np.arange(len(here)) == first, np.inf, gaps / np.maximum(steep, 1e-12))
    best: Flip | None = None
    for rival in np.argsort(away)[: min(search.rivals, len(here) - 1)]:
        for flip in _steps(scores, origin, (first, int(rival)), search):
            if best is None or flip.length < best.length:
                best = flip
    return best


def _steps(scores: Scores, origin: Array, pair: tuple[int, int], search: Search) -> list[Flip]:
    """Every flip met on the way to where the two classes of `pair` are level."""
    first, rival = pair
    found: list[Flip] = []
    at = origin
    for _ in range(search.rounds):
        here, slopes = _around(scores, at, search.step)
        gap, slope = here[first] - here[rival], slopes[first] - slopes[rival]
        if (steep := float(slope @ slope)) < 1e-18:
            break
        goal = (slope @ at - gap) / steep * slope * (1 + BEYOND)
        move = goal - at
        if (far := float(np.linalg.norm(move))) > search.stride:
            goal = at + move * search.stride / far
        if np.linalg.norm(goal) > search.reach:
            break
        if (flip := _first_on_the_way(scores, goal, first)) is not None:
            found.append(flip)
            goal = flip.change
        if np.linalg.norm(goal - at) <= 1e-2 * np.linalg.norm(goal):
            break
        at = goal
    return found


def _around(scores: Scores, at: Array, step: float) -> tuple[Array, Array]:
    """Scores ``(class,)`` at a point, and their central differences ``(class, number)``."""
    moves = step * np.eye(len(at))
    told = scores(np.concatenate([at[None], at + moves, at - moves]))
    up, down = told[1 : 1 + len(at)], told[1 + len(at) :]
    return told[0], (up - down).T / (2 * step)


def _first_on_the_way(scores: Scores, goal: Array, first: int) -> Flip | None:
    """Where the class flips on the straight way to `goal`, by halving; None if it has not flipped there."""
    if (index := int(scores(goal[None])[0].argmax())) == first:
        return None
    low, high = 0.0, 1.0
    while high - low > LEVEL:
        middle = (low + high) / 2
        if (there := int(scores(middle * goal[None])[0].argmax())) == first:
            low = middle
        else:
            high, index = middle, there
    return Flip(high * goal, index)
