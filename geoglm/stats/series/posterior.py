"""The forward-backward pass: what each date says of a pixel, in the light of all others."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


def posterior(likelihood: NDArray[np.float64], transitions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of each class on each date, given all dates (Rabiner 1989, doi 10.1109/5.18626, eq. 27).

    Of the first date every class is equally likely beforehand; what is known better goes into its likelihood. A pixel
    is worked on by itself, so that its answer does not depend on which others there are.

    Args:
        likelihood: ``(pixel, date, class)`` of what was seen, above 0, up to a factor for each date; all 1 where
            nothing was seen.
        transitions: ``(date − 1, from, to)`` probabilities from each date to the next.

    Returns:
        ``(pixel, date, class)``, adding up to 1 over the classes.
    """
    found = np.empty(likelihood.shape)
    _pass(np.ascontiguousarray(likelihood), np.ascontiguousarray(transitions), found)
    return found


@njit(cache=True, nogil=True)
def _pass(likelihood, transitions, found):  # type: ignore[no-untyped-def]
    pixels, dates, classes = likelihood.shape
    ahead, behind = np.empty(classes), np.empty(classes)
    for p in range(pixels):
        for c in range(classes):
            found[p, 0, c] = likelihood[p, 0, c]
        _share(found[p, 0])
        for t in range(1, dates):
            for c in range(classes):
                reached = 0.0
                for b in range(classes):
                    reached += found[p, t - 1, b] * transitions[t - 1, b, c]
                found[p, t, c] = reached * likelihood[p, t, c]
            _share(found[p, t])
        ahead[:] = 1.0
        for t in range(dates - 2, -1, -1):
            for c in range(classes):
                behind[c] = ahead[c] * likelihood[p, t + 1, c]
            for c in range(classes):
                ahead[c] = 0.0
                for b in range(classes):
                    ahead[c] += transitions[t, c, b] * behind[b]
            _share(ahead)
            for c in range(classes):
                found[p, t, c] *= ahead[c]
            _share(found[p, t])


@njit(cache=True, nogil=True)
def _share(values):  # type: ignore[no-untyped-def]
    total = 0.0
    for value in values:
        total += value
    for c in range(values.size):
        values[c] /= total
