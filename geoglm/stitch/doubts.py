"""Layers of uncertainty: what a pixel's probabilities say beyond the class they choose.

*Entropy* is Shannon's, ``−Σ p log p``, as a share of the most there can be, ``log K`` for K classes: 0 where one class
is sure, 1 where all are equally likely (Shannon 1948, doi 10.1002/j.1538-7305.1948.tb01338.x). *Margin* is the
probability of the first class less that of the second: 0 where the two are tied, 1 where the first is sure.
*Disagreement* is of tiles: their halos overlap, so that some pixels are seen by two of them or more, and it is the
share of these that make another class of a pixel than the map does. Where it is not 0, what the model says hangs on how
far it sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from geoglm.types import INVALID, PixelBox


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


def disagreement(
    classes: NDArray[np.uint8], box: PixelBox, views: Iterable[tuple[PixelBox, NDArray[np.uint8]]]
) -> NDArray[np.uint8]:
    """The share of tiles that make another class of a pixel than the map does.

    Args:
        classes: ``(y, x)`` of the map, 255 where invalid.
        box: where that lies.
        views: where each tile has seen, and the classes ``(y, x)`` it made of that, 255 where invalid; those that do
            not meet the box do not matter.

    Returns:
        percent ``(y, x)``, 255 where fewer than two tiles have seen a valid pixel.
    """
    seen, differ = np.zeros((2, *classes.shape), np.uint16)
    for where, view in views:
        if where.top >= box.bottom or where.bottom <= box.top or where.left >= box.right or where.right <= box.left:
            continue
        part = where.clip(box)
        here, there = part.within(box), view[part.within(where)]
        seen[here] += there != INVALID
        differ[here] += (there != INVALID) & (there != classes[here])
    share = np.rint(100 * differ / np.maximum(seen, 1)).astype(np.uint8)
    return np.where((seen > 1) & (classes != INVALID), share, np.uint8(INVALID))
