"""From which class to which: codes for pairs of classes, and the matrix of what became what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
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
    def of_probabilities(
        cls, before: NDArray[np.uint8], after: NDArray[np.uint8], scheme: TransitionCodes, *, at_least: float
    ) -> Judged:
        """Of two dates ``(class, y, x)`` in percent, 255 for none.

        A pixel whose likeliest class is another on the second date has changed if `change_probability` is `at_least`
        so much; else it stays what both dates together make it, the class of the largest product. Nothing of this
        depends on which date comes first.
        """
        known = (before[0] != INVALID) & (after[0] != INVALID)
        first, second = (np.where(known, p, 1).astype(np.float32) for p in (before, after))
        probability = change_probability(first, second)
        codes = scheme.of(first.argmax(axis=0), second.argmax(axis=0))
        codes = np.where(probability >= at_least, codes, np.uint8(SAME))
        stays = (first * second).argmax(axis=0)
        percent = np.rint(100 * probability)
        return cls(*(np.where(known, a, INVALID).astype(np.uint8) for a in (codes, stays, percent)))

    def areas(self, row_area: NDArray[np.float64], scheme: TransitionCodes) -> NDArray[np.float64]:
        """``(from, to)`` area of what became what; the diagonal is what stayed.

        Args:
            row_area: ``(y,)`` area of a pixel of each row.
        """
        n = scheme.count
        changed = self.codes != SAME
        cells = np.where(changed, self.codes.astype(np.int64) - 1, self.stays.astype(np.int64) * (n + 1))
        total = np.zeros(n * n)
        for row, area, known in zip(cells, row_area, self.codes != INVALID, strict=True):
            total += area * np.bincount(row[known], minlength=n * n)
        return total.reshape(n, n)


def named(matrix: NDArray[np.float64], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The matrix by the names of its classes: from → to → area."""
    return {a: {b: float(v) for b, v in zip(names, row, strict=True)} for a, row in zip(names, matrix, strict=True)}
