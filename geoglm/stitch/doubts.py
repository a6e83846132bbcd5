"""Layers of uncertainty: what a pixel's probabilities say beyond the class they choose.

*Entropy* is Shannon's, ``−Σ p log p``, as a share of the most there can be, ``log K`` for K classes: 0 where one class
is sure, 1 where all are equally likely (Shannon 1948, doi 10.1002/j.1538-7305.1948.tb01338.x). *Margin* is the
probability of the first class less that of the second: 0 where the two are tied, 1 where the first is sure.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(class, ...)`` probabilities to ``(...)`` float32 in 0…1, a class at a time.

    >>> entropy(np.array([[0.5, 1.0], [0.5, 0.0]], np.float32)).tolist()
    [1.0, 0.0]
    """
    total = np.zeros(probabilities.shape[1:], np.float32)
    least = np.finfo(np.float32).tiny
    for share in probabilities:
        total -= share * np.log(np.maximum(share, least))
    return (total / np.float32(math.log(max(len(probabilities), 2)))).clip(0, 1)


def margin(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(class, ...)`` probabilities to ``(...)`` float32 in 0…1.

    >>> margin(np.array([[0.5, 0.25], [0.25, 0.25], [0.25, 0.5]], np.float32)).tolist()
    [0.25, 0.25]
    """
    first = np.zeros(probabilities.shape[1:], np.float32)
    second = first.copy()
    for share in probabilities:
        np.maximum(second, np.minimum(first, share), out=second)
        np.maximum(first, share, out=first)
    return first - second


DOUBTS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {"entropy": entropy, "margin": margin}
"""Name of a layer → what makes it of probabilities."""


def doubt_of(name: str, probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A layer of `DOUBTS` in percent, ``(y, x)`` uint8, of ``(class, y, x)`` probabilities."""
    percent: NDArray[np.uint8] = np.rint(DOUBTS[name](probabilities) * 100).astype(np.uint8)
    return percent
