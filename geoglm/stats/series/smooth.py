"""Series of maps made consistent in time, and when they first change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglm.stats.series.evidence import Evidence
from geoglm.stats.series.posterior import posterior
from geoglm.types import INVALID

TOGETHER_PX = 1 << 14
"""Pixels worked on at a time, which bounds the memory for their likelihoods."""


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """Pixels on all dates, each in the light of all dates.

    Args:
        places: ``(date, pixel)`` uint8 place of the likeliest class; 255 for a pixel that no date has data of.
        percent: ``(date, pixel)`` uint8 probability of that class; 255 likewise.
    """

    places: NDArray[np.uint8]
    percent: NDArray[np.uint8]


def smooth(dates: Sequence[Evidence], transitions: NDArray[np.float64]) -> Smoothed:
    """What pixels were all along, also on dates without data of them.

    Args:
        dates: in order.
        transitions: ``(date − 1, from, to)`` probabilities, as of `Chain.between`.
    """
    alone = np.stack([d.places for d in dates])
    places, percent = alone.copy(), alone.copy()
    for start in range(0, alone.shape[1], TOGETHER_PX):
        part = slice(start, start + TOGETHER_PX)
        told = posterior(np.stack([d.likelihood(part) for d in dates], axis=1), transitions)
        places[:, part], percent[:, part] = told.argmax(axis=2).T, np.rint(100 * told.max(axis=2)).T
    seen = (alone != INVALID).any(axis=0)
    return Smoothed(*(np.where(seen, a, np.uint8(INVALID)) for a in (places, percent)))


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
