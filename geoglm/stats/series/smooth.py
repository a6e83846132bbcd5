"""Series of maps made consistent in time, and when they first change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geoglm.stats.series.evidence import Evidence
from geoglm.stats.series.posterior import Posterior, posterior
from geoglm.types import INVALID

TOGETHER_PX = 1 << 14
"""Pixels worked on at a time, which bounds the memory for their likelihoods."""

NEIGHBOURS = 0.5
"""By how much each of the eight neighbours that has surely changed raises the log-odds of a change, or one that has
surely not lowers them."""

FELLOWS = 1.5
"""By how much more, as a multiple of that, a neighbour that turned into what the pixel turned into, or out of what it
was before, raises the logarithm of how likely the other end of its change is."""


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """Pixels on all dates, each in the light of all dates.

    Args:
        places: ``(date, y, x)`` uint8 place of the likeliest class; 255 for a pixel that no date has data of.
        percent: ``(date, y, x)`` uint8 probability of that class; 255 likewise.
    """

    places: NDArray[np.uint8]
    percent: NDArray[np.uint8]


def smooth(
    dates: Sequence[Evidence], change: NDArray[np.float64], shape: tuple[int, int], *, neighbours: float = NEIGHBOURS
) -> Smoothed:
    """What pixels were all along, also on dates without data of them.

    Changes come in patches, errors one by one. So what is found pixel by pixel says how likely a change is beforehand
    where its neighbours change or do not, and the pass is made once more: one step towards the mean field of a Markov
    random field of change (Bruzzone & Prieto 2000, doi 10.1109/36.843009). A neighbour whose dates say nothing of a
    change counts for nothing. Neighbours that change with a pixel, into the same or out of the same, also say what it
    was on the other side: a single date before or after a change is only as right as its label. Neighbours that do not
    change say nothing of a class, so what is small and stays is not smoothed away. A pixel depends on those that touch
    it and on no others.

    Args:
        dates: in order, of the pixels of a box row by row.
        change: ``(gap,)`` probabilities, as of `Chain.between`.
        shape: rows and columns of the box.
        neighbours: weight of each of eight neighbours, see `NEIGHBOURS`; 0 for every pixel by itself.
    """
    alone = np.stack([d.places for d in dates])
    gaps, pixels = len(change), alone.shape[1]
    votes: _Votes | None = None
    if neighbours:
        turned, first = np.empty((gaps, pixels), np.float32), np.full_like(alone, INVALID)
        for part, told in _parts(dates, np.broadcast_to(change, (pixels, gaps))):
            turned[:, part] = _leaning(told.changes, change).T
            first[:, part] = told.classes.argmax(axis=2).T
        first[:, (alone == INVALID).all(axis=0)] = INVALID
        votes = _Votes.of(first.reshape(-1, *shape), FELLOWS * neighbours)
        odds = np.log(change / (1 - change))[:, None, None] + neighbours * _around(turned.reshape(gaps, *shape))
        change = (1 / (1 + np.exp(-odds))).reshape(gaps, pixels).T
    places, percent = np.empty_like(alone), np.empty_like(alone)
    for part, told in _parts(dates, np.broadcast_to(change, (pixels, gaps)), votes):
        places[:, part], percent[:, part] = told.classes.argmax(axis=2).T, np.rint(100 * told.classes.max(axis=2)).T
    seen = (alone != INVALID).any(axis=0)
    both = (np.where(seen, a, np.uint8(INVALID)).reshape(-1, *shape) for a in (places, percent))
    return Smoothed(*both)


@dataclass(frozen=True, slots=True, eq=False)
class _Votes:
    """What neighbours that change with a pixel say of it.

    Args:
        places: ``(date, y, x)`` classes found pixel by pixel, with one pixel of 255 around.
        factors: ``(9,)`` of a likelihood, by the number of votes.
    """

    places: NDArray[np.uint8]
    factors: NDArray[np.float64]

    @classmethod
    def of(cls, places: NDArray[np.uint8], weight: float) -> Self:
        """Of classes found pixel by pixel ``(date, y, x)``; every vote adds `weight` to the logarithm."""
        around = ((0, 0), (1, 1), (1, 1))
        return cls(np.pad(places, around, constant_values=INVALID), np.exp(weight * np.arange(9)))

    def count_in(self, likelihood: NDArray[np.float64], start: int) -> None:
        """Multiply ``(pixel, date, class)`` of pixels from `start` on."""
        _count_in(likelihood, self.places, start, self.factors)


@njit(cache=True, nogil=True)
def _count_in(likelihood, places, start, factors):  # type: ignore[no-untyped-def]  # typed by Numba
    pixels, dates, classes = likelihood.shape
    cols = places.shape[2] - 2
    votes = np.empty(classes, np.int64)
    for p in range(pixels):
        y, x = (start + p) // cols + 1, (start + p) % cols + 1
        for t in range(dates):
            votes[:] = 0
            for near in range(9):
                down, right = y + near // 3 - 1, x + near % 3 - 1
                here = places[t, down, right]
                if near == 4 or here >= classes:
                    continue
                for other in (t - 1, t + 1):
                    if 0 <= other < dates:
                        there = places[other, down, right]
                        if there != here and there == places[other, y, x]:
                            votes[here] += 1
                            break
            for c in range(classes):
                likelihood[p, t, c] *= factors[votes[c]]


def _parts(
    dates: Sequence[Evidence], change: NDArray[np.float64], votes: _Votes | None = None
) -> Iterator[tuple[slice, Posterior]]:
    """Some pixels at a time, with what is known of them."""
    for start in range(0, len(change), TOGETHER_PX):
        part = slice(start, start + TOGETHER_PX)
        likelihood = np.ascontiguousarray(np.stack([d.likelihood(part) for d in dates], axis=1))
        if votes is not None:
            votes.count_in(likelihood, start)
        yield part, posterior(likelihood, change[part])


def _leaning(found: NDArray[np.float64], change: NDArray[np.float64]) -> NDArray[np.float64]:
    """From −1, surely no change, over 0 where the dates say nothing, to 1: what they say without the prior."""
    for_it, against = found * (1 - change), (1 - found) * change
    leaning: NDArray[np.float64] = (for_it - against) / (for_it + against)
    return leaning


def _around(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """``(gap, y, x)`` sums over the eight neighbours of each pixel, as far as there are any."""
    wide = np.pad(values.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    total, (rows, cols) = np.zeros(values.shape), values.shape[1:]
    for down, right in np.ndindex(3, 3):
        if (down, right) != (1, 1):
            total += wide[:, down : down + rows, right : right + cols]
    return total


def first_change(places: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """When each pixel was first of another class than the date before.

    Args:
        places: ``(date, ...)`` classes; 255 on all dates where there is no data.

    Returns:
        ``(...)`` the number of that date, counted from 0; 0 where there is none, and 255 where there is no data.

    >>> first_change(np.array([[1, 1, 255], [1, 2, 255], [1, 0, 255]], np.uint8)).tolist()
    [0, 1, 255]
    """
    changed = places[1:] != places[:-1]
    number = np.where(changed.any(axis=0), changed.argmax(axis=0) + 1, 0)
    return np.where(places[0] == INVALID, INVALID, number).astype(np.uint8)


def flips(places: NDArray[np.uint8]) -> int:
    """How often a pixel is of another class than when it was last seen, over all pixels.

    Args:
        places: ``(date, ...)`` classes, 255 where there is no data.

    >>> flips(np.array([[1, 1], [255, 2], [1, 1]], np.uint8))
    2
    """
    last, count = places[0], 0
    for here in places[1:]:
        known = here != INVALID
        count += int((known & (last != INVALID) & (here != last)).sum())
        last = np.where(known, here, last)
    return count
