"""The forward-backward pass: what each date says of a pixel, in the light of all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What is known of pixels, given all dates.

    Args:
        classes: ``(pixel, date, class)`` probabilities.
        changes: ``(pixel, gap)`` probability of another class after each gap between dates than before it.
    """

    classes: NDArray[np.float64]
    changes: NDArray[np.float64]


def posterior(likelihood: NDArray[np.float64], change: NDArray[np.float64]) -> Posterior:
    """Forward-backward (Rabiner 1989, doi 10.1109/5.18626, eq. 27 and 37) for chains that change to any class alike.

    Of the first date every class is equally likely beforehand; what is known better goes into its likelihood. A pixel
    is worked on by itself, so that its answer does not depend on which others there are.

    Args:
        likelihood: ``(pixel, date, class)`` of what was seen, above 0, up to a factor for each date; all 1 where
            nothing was seen.
        change: ``(pixel, gap)`` probability of a change beforehand.
    """
    pixels, dates, _ = likelihood.shape
    found, changed = np.empty(likelihood.shape), np.empty((pixels, dates - 1))
    _pass(np.ascontiguousarray(likelihood), np.ascontiguousarray(change), found, changed)
    return Posterior(found, changed)


@njit(cache=True, nogil=True)
def _pass(likelihood, change, found, changed):  # type: ignore[no-untyped-def]
    pixels, dates, classes = likelihood.shape
    ahead = np.empty(classes)
    for p in range(pixels):
        for c in range(classes):
            found[p, 0, c] = likelihood[p, 0, c]
        _share(found[p, 0])
        for t in range(1, dates):
            other = change[p, t - 1] / (classes - 1)
            same = 1 - change[p, t - 1]
            for c in range(classes):
                before = found[p, t - 1, c]
                found[p, t, c] = (same * before + other * (1 - before)) * likelihood[p, t, c]
            _share(found[p, t])
        ahead[:] = 1.0
        for t in range(dates - 2, -1, -1):
            other = change[p, t] / (classes - 1)
            same = 1 - change[p, t]
            total = 0.0
            for c in range(classes):
                ahead[c] *= likelihood[p, t + 1, c]
                total += ahead[c]
            stayed = went = 0.0
            for c in range(classes):
                stays, goes = same * ahead[c], other * (total - ahead[c])
                stayed += found[p, t, c] * stays
                went += found[p, t, c] * goes
                ahead[c] = stays + goes
                found[p, t, c] *= ahead[c]
            changed[p, t] = went / (stayed + went)
            _share(ahead)
            _share(found[p, t])


@njit(cache=True, nogil=True)
def _share(values):  # type: ignore[no-untyped-def]
    total = 0.0
    for value in values:
        total += value
    for c in range(values.size):
        values[c] /= total
