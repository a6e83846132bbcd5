"""Borders between regions: which lie beside each other, and along how many pixel edges."""

from __future__ import annotations

import numpy as np
from numba import njit

from geoglm.types import INVALID
from geoglm.vector.runs import FAR, find


@njit(cache=True, nogil=True)
def meet(above, above_value, above_label, start, value, label, count, across, down, pairs, used):  # type: ignore[no-untyped-def]
    """Note the borders of a row: between its runs, and between them and those above.

    Args:
        above, above_value, above_label, start, value, label: the runs of both rows (`find_runs`), `count` in the lower.
        across, down: lengths of a pixel's upper edge and of its left one.
        pairs: ``(n, 3)`` gets two regions and the length of their border.
        used: rows of it that are taken.

    Returns:
        Rows that are taken then.
    """
    for j in range(1, count):
        if value[j - 1] != INVALID and value[j] != INVALID:
            pairs[used, 0], pairs[used, 1], pairs[used, 2] = label[j - 1], label[j], down
            used += 1
    i, j, left = 0, 0, 0
    while True:
        x = min(above[i + 1], start[j + 1])
        if x == FAR:
            return used
        if value[j] != INVALID and above_value[i] != INVALID and value[j] != above_value[i]:
            pairs[used, 0], pairs[used, 1], pairs[used, 2] = above_label[i], label[j], (x - left) * across
            used += 1
        left = x
        i += above[i + 1] == x
        j += start[j + 1] == x


@njit(cache=True, nogil=True)
def add_up(pairs, used, parent, area, least):  # type: ignore[no-untyped-def]
    """One row for every two regions that meet, but for those that are both large enough.

    Args:
        pairs: see `meet`, `used` of its rows.
        parent: union-find over regions.
        area: of regions so far, each at its first number.
        least: area that is large enough.
    """
    size = 16
    while size < 2 * used:
        size *= 2
    mask = np.uint64(size - 1)
    table = np.full(size, -1, np.int32)
    sums = np.empty((used, 3), np.int64)
    n = 0
    for k in range(used):
        a, b = find(parent, pairs[k, 0]), find(parent, pairs[k, 1])
        if area[a] >= least and area[b] >= least:
            continue
        a, b = min(a, b), max(a, b)
        mixed = (np.uint64(a) << np.uint64(32) | np.uint64(b)) * np.uint64(0x9E3779B97F4A7C15)
        slot = (mixed ^ (mixed >> np.uint64(29))) & mask
        while table[slot] >= 0 and not (sums[table[slot], 0] == a and sums[table[slot], 1] == b):
            slot = (slot + np.uint64(1)) & mask
        if table[slot] < 0:
            table[slot] = n
            sums[n, 0], sums[n, 1], sums[n, 2] = a, b, 0
            n += 1
        sums[table[slot], 2] += pairs[k, 2]
    return sums[:n].copy()
