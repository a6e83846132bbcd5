"""Overviews: every pixel of a coarser level stands for 2 × 2 of the finer one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geoglm.types import INVALID

Joining = Literal["mode", "average"]
"""How four pixels become one: by the class that most of them have, or by their mean."""


def halved(values: NDArray[np.uint8], joining: Joining) -> NDArray[np.uint8]:
    """A map at half the resolution; pixels without data do not count, and stay where there are no others.

    Of classes that are equally frequent the first in reading order is taken; means are rounded half up.

    Args:
        values: ``(y, x)`` uint8 with even sides, 255 where there is no data.

    Returns:
        ``(y / 2, x / 2)`` uint8.

    >>> halved(np.array([[3, 7, 255, 255], [7, 1, 255, 255]], np.uint8), "mode").tolist()
    [[7, 255]]
    """
    coarse = np.empty((values.shape[0] // 2, values.shape[1] // 2), np.uint8)
    (_majority if joining == "mode" else _mean)(values, coarse)
    return coarse


@njit(cache=True, nogil=True)
def _majority(fine, coarse):  # type: ignore[no-untyped-def]
    for y in range(coarse.shape[0]):
        for x in range(coarse.shape[1]):
            a, b = fine[2 * y, 2 * x], fine[2 * y, 2 * x + 1]
            c, d = fine[2 * y + 1, 2 * x], fine[2 * y + 1, 2 * x + 1]
            first = a if a != INVALID else (b if b != INVALID else (c if c != INVALID else d))
            second = (b == c) | (b == d)
            twice = b if second & (b != INVALID) else (c if (c == d) & (c != INVALID) else first)
            coarse[y, x] = a if ((a == b) | (a == c) | (a == d)) & (a != INVALID) else twice


@njit(cache=True, nogil=True)
def _mean(fine, coarse):  # type: ignore[no-untyped-def]
    for y in range(coarse.shape[0]):
        for x in range(coarse.shape[1]):
            total, count = np.int32(0), np.int32(0)
            for value in (
                fine[2 * y, 2 * x],
                fine[2 * y, 2 * x + 1],
                fine[2 * y + 1, 2 * x],
                fine[2 * y + 1, 2 * x + 1],
            ):
                there = np.int32(value != INVALID)
                total += there * np.int32(value)
                count += there
            mean = (np.float32(total) + np.float32(0.5) * count) / np.float32(max(count, np.int32(1)))
            coarse[y, x] = np.uint8(np.int32(mean)) if count > 0 else np.uint8(INVALID)
