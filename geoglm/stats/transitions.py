"""From which class to which: codes for pairs of classes, and the matrix of what became what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geoglm.types import INVALID

SAME = 0
"""Code of a pixel that did not change."""

SURE = 0.75
"""Probability from which a change of class counts unless said otherwise. Wherever the likeliest classes of two dates
differ it is at least 0.5, however unsure both are; at 0.75 each date must be about 87 % sure."""


@dataclass(frozen=True, slots=True)
class TransitionCodes:
    """A byte for every pair of different classes, and one for no change.

    Args:
        count: number of classes, at most 15.

    >>> codes = TransitionCodes(3)
    >>> codes.of(np.array([0, 1, 2]), np.array([0, 2, 1])).tolist()
    [0, 6, 8]
    >>> codes.pair(6)
    (1, 2)
    """

    count: int

    def of(self, before: NDArray[np.integer], after: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Codes of places in the list of classes; 255 where either is none."""
        first, second = before.astype(np.int64), after.astype(np.int64)
        known = (first < self.count) & (second < self.count) & (first >= 0) & (second >= 0)
        code = np.where(first == second, SAME, first * self.count + second + 1)
        return np.where(known, code, INVALID).astype(np.uint8)

    def pair(self, code: int) -> tuple[int, int]:
        """The two classes of a change."""
        return divmod(code - 1, self.count)

    def cells(self, codes: NDArray[np.uint8], stays: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """``(y, x)`` uint8 places in the matrix of classes before and after, counted row by row; 255 for none.

        Args:
            codes: of changes, see `of`.
            stays: class of pixels that did not change.
        """
        diagonal = np.full(256, INVALID, np.uint8)
        diagonal[: self.count] = np.arange(self.count) * (self.count + 1)
        changed = np.full(256, INVALID, np.uint8)
        changed[list(self.all)] = np.array(self.all) - 1
        return np.where(codes == SAME, diagonal[stays], changed[codes])

    @property
    def all(self) -> tuple[int, ...]:
        """Codes of every change there can be."""
        pairs = range(self.count * self.count)
        return tuple(k + 1 for k in pairs if k // self.count != k % self.count)


def change_probability(before: NDArray[np.floating], after: NDArray[np.floating]) -> NDArray[np.float64]:
    """1 − Σ p₁(c) p₂(c): that two dates, judged independently, are of different classes.

    A weak flip, from 45 to 55 %, is no change; two sure answers that differ are one.

    Args:
        before, after: ``(class, ...)`` probabilities; each is made to add up to 1, which rounding may have spoilt.
    """
    first, second = (p / np.maximum(p.sum(axis=0, dtype=np.float64), 1e-9) for p in (before, after))
    probability: NDArray[np.float64] = (1 - np.einsum("c...,c...->...", first, second)).clip(0, 1)
    return probability


Confident = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Places in a list of classes, and percent."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What became of the pixels of a box.

    Args:
        codes: ``(y, x)`` uint8 changes, see `TransitionCodes`; 255 where either date has no class.
        stays: ``(y, x)`` uint8 the class of pixels that did not change.
        percent: ``(y, x)`` uint8 probability of a change; 255 where unknown.
    """

    codes: NDArray[np.uint8]
    stays: NDArray[np.uint8]
    percent: NDArray[np.uint8]

    @classmethod
    def of_classes(cls, before: NDArray[np.uint8], after: NDArray[np.uint8], scheme: TransitionCodes) -> Judged:
        """Of two maps ``(y, x)`` of places in the list of classes, 255 for none, that say nothing of how sure they are:
        a pixel of two classes has changed for sure."""
        codes = scheme.of(before, after)
        known = codes != INVALID
        return cls(codes, np.where(known, before, INVALID), np.where(known, 100 * (codes != SAME), INVALID))

    @classmethod
    def of_confident(cls, before: Confident, after: Confident, scheme: TransitionCodes, *, at_least: float) -> Judged:
        """Of two maps that say how sure they are of the class they show; what is left of 1 is taken to be shared by all
        other classes alike. Judged as `of_probabilities`; of two classes of which none is sure enough for a change, the
        surer one stays, of two as sure the first in the list.

        Args:
            before, after: ``(y, x)`` uint8 places in the list of classes, 255 for none, and percent.
        """
        (first, sure), (second, certain) = before, after
        codes = scheme.of(first, second)
        one, two = (np.arange(101)[:, None] / 100), (np.arange(101)[None] / 100)
        others = max(scheme.count - 1, 1)
        same = 1 - one * two - (1 - one) * (1 - two) / others
        differ = 1 - (one * (1 - two) + two * (1 - one)) / others
        differ -= (scheme.count - 2) * (1 - one) * (1 - two) / others**2
        probability = np.where(first == second, same[sure, certain], differ[sure, certain])
        kept = np.where(sure == certain, np.minimum(first, second), np.where(sure > certain, first, second))
        judged = np.where(probability >= at_least, codes, np.uint8(SAME)), kept, np.rint(100 * probability)
        return cls(*(np.where(codes == INVALID, INVALID, a).astype(np.uint8) for a in judged))

    @classmethod
    def of_probabilities(
        cls, before: NDArray[np.uint8], after: NDArray[np.uint8], scheme: TransitionCodes, *, at_least: float
    ) -> Judged:
        """Of two dates ``(class, y, x)`` in percent, 255 for none.

        A pixel whose likeliest class is another on the second date has changed if `change_probability` is `at_least`
        so much; else it stays what both dates together make it, the class of the largest product. Nothing of this
        depends on which date comes first.
        """
        shape = before.shape[1:]
        judged = cls(np.empty(shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.uint8))
        _judge(before, after, at_least, (judged.codes, judged.stays, judged.percent))
        return judged


@njit(cache=True, nogil=True)
def _judge(before, after, at_least, judged):  # type: ignore[no-untyped-def]  # typed by Numba
    """See `Judged.of_probabilities`; whole numbers throughout, so that no order of the dates or classes counts."""
    (kinds, rows, cols), (codes, stays, percent) = before.shape, judged
    sums, tops, best = np.empty((3, cols), np.int32), np.empty((3, cols), np.int32), np.empty((3, cols), np.int32)
    for y in range(rows):
        sums[:], tops[:], best[:] = 0, -1, 0
        for k in range(kinds):
            for x in range(cols):
                one, two = np.int32(before[k, y, x]), np.int32(after[k, y, x])
                both = one * two
                sums[0, x] += one
                sums[1, x] += two
                sums[2, x] += both
                if one > tops[0, x]:
                    tops[0, x], best[0, x] = one, k
                if two > tops[1, x]:
                    tops[1, x], best[1, x] = two, k
                if both > tops[2, x]:
                    tops[2, x], best[2, x] = both, k
        for x in range(cols):
            if before[0, y, x] == INVALID or after[0, y, x] == INVALID:
                codes[y, x] = stays[y, x] = percent[y, x] = INVALID
                continue
            changed = 1.0 - sums[2, x] / max(1.0, float(sums[0, x]) * float(sums[1, x]))
            flip = best[0, x] != best[1, x] and changed >= at_least
            codes[y, x] = best[0, x] * kinds + best[1, x] + 1 if flip else SAME
            stays[y, x] = best[2, x]
            percent[y, x] = np.uint8(np.rint(100.0 * changed))


def named(matrix: NDArray[np.float64], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The matrix by the names of its classes: from → to → area."""
    return {a: {b: float(v) for b, v in zip(names, row, strict=True)} for a, row in zip(names, matrix, strict=True)}
