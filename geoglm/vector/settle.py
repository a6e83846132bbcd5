"""Settling: which regions end with a strip and which go on, numbered anew.

A part is a 4-connected piece; a region is one part, or several where they touch at corners (8-connectivity) or are
dissolved by class. A region ends with the strip after which no row can touch it any more.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from geoglm.vector.runs import find, unite


@njit(cache=True, nogil=True)
def gather(parent, whole, used, kind, dissolve):  # type: ignore[no-untyped-def]
    """Point every number straight at the first of its part in `parent`, and of its region in `whole`."""
    first = np.zeros(256, np.int32)
    for k in range(1, used):
        parent[k] = parent[parent[k]]  # the smallest is the root, and smaller ones point there already
        unite(whole, k, parent[k])
        if dissolve:
            if first[kind[k]] == 0:
                first[kind[k]] = k
            unite(whole, k, first[kind[k]])
    for k in range(1, used):
        whole[k] = find(whole, k)


@njit(cache=True, nogil=True)
def sum_up(whole, used, pixels, area, total, sure, least):  # type: ignore[no-untyped-def]
    """Add what was measured under several numbers of a region to its first."""
    for k in range(1, used):
        root = whole[k]
        if root != k:
            pixels[root] += pixels[k]
            area[root] += area[k]
            total[root] += total[k]
            sure[root] += sure[k]
            least[root] = min(least[root], least[k])
            pixels[k] = total[k] = sure[k] = 0
            area[k] = 0
            least[k] = 255


@njit(cache=True, nogil=True)
def renumber(parent, whole, used, going_on):  # type: ignore[no-untyped-def]
    """New numbers of all parts.

    Args:
        parent, whole: see `gather`.
        going_on: True at the first number of every region that does not end here.

    Returns:
        For every number the new one, from 1, where the region goes on; where it ends, -1 for the first part that ends,
        -2 for the next: parts of one region in a row. How many parts go on. The first numbers of the regions that
        end. Where the parts of each of them begin, and end.
    """
    number = np.zeros(used, np.int32)
    place = np.zeros(used, np.int32)
    opened, closed = 0, 0
    for k in range(1, used):
        if whole[k] == k and not going_on[k]:
            place[k] = closed
            closed += 1
    firsts = np.empty(closed, np.int32)
    begins = np.zeros(closed + 1, np.int64)
    for k in range(1, used):
        root = whole[k]
        if going_on[root]:
            if parent[k] == k:
                opened += 1
                number[k] = opened
        else:
            if root == k:
                firsts[place[k]] = k
            if parent[k] == k:
                begins[place[root] + 1] += 1
    for f in range(closed):
        begins[f + 1] += begins[f]
    free = begins[:-1].copy()
    for k in range(1, used):
        root = whole[k]
        if parent[k] == k and not going_on[root]:
            number[k] = -1 - free[place[root]]
            free[place[root]] += 1
    for k in range(1, used):
        number[k] = number[parent[k]]
    return number, opened, firsts, begins
