"""How differently a network sees two dates: the distance of its features, in units of the scene's own variety."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

Features = NDArray[np.float32]

DEAD = 1e-3
"""A feature that varies by less than this share of the liveliest one tells nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Variety:
    """How much the features of a scene vary from place to place.

    Args:
        weights: ``(feature,)`` what squared differences count; they are made so that the features of two places taken
            at random are 1 apart in the root mean square.
    """

    weights: NDArray[np.float32]

    @classmethod
    def of(cls, before: Features, after: Features) -> Self:
        """Of features ``(feature, n)`` of the same places on both dates; the two may be swapped."""
        first, second = (f.var(axis=1, dtype=np.float64) for f in (before, after))
        variance = (first + second) / 2
        alive = variance > DEAD**2 * max(float(variance.max(initial=0)), 1e-12)
        count = max(int(alive.sum()), 1)
        weights = np.divide(0.5 / count, variance, out=np.zeros_like(variance), where=alive)
        return cls(weights.astype(np.float32))

    def distance(self, before: Features, after: Features) -> Features:
        """``(y, x)`` distance of features ``(feature, y, x)``: 0 where they are the same."""
        far = np.zeros(before.shape[1:], np.float32)
        _add_squares(before, after, self.weights, far)
        return np.sqrt(far, out=far)


@njit(cache=True, nogil=True)
def _add_squares(before, after, weights, total):  # type: ignore[no-untyped-def]  # typed by Numba
    for k in range(weights.size):
        for y in range(total.shape[0]):
            for x in range(total.shape[1]):
                step = before[k, y, x] - after[k, y, x]
                total[y, x] += weights[k] * step * step
