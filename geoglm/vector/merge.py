"""The minimum mapping unit: regions that are too small become part of a neighbour, until none is left.

The smallest region of the map goes first, to the neighbour with which it shares the longest border; with two such, to
the larger, then to the one that begins further up. Neighbours of that class that meet through it become one region
with it, and all are looked at again if they are still too small. Only a region with no neighbour, amid no data, stays
small. That order knows nothing of tiles or strips, so neither does the result.

The map is read twice, row by row; what is kept is a line for every region and for every border of a small one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geoglm.types import INVALID
from geoglm.vector.borders import add_up, meet
from geoglm.vector.growth import counted, longer, taller
from geoglm.vector.heap import pop, push
from geoglm.vector.runs import FAR, find, find_runs, number_runs

GRAIN = 1000
"""Lengths of borders are whole numbers of these for the shorter side of a pixel, so that sums are exact."""

Numbering = tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32], int]
"""Runs of the row above with their classes and numbers, the union-find over numbers, and the first free number."""


def becomes(
    rows: Iterable[NDArray[np.uint8]],
    width: int,
    row_area: NDArray[np.float64],
    least: float,
    pixel: tuple[float, float] = (1.0, 1.0),
) -> NDArray[np.uint8]:
    """What becomes of every region of a map once those smaller than `least` are merged into neighbours.

    Args:
        rows: the map from top to bottom, ``(y, x)`` uint8 in pieces of any height, 255 for no data.
        row_area: ``(height,)`` area of a pixel of each row.
        pixel: lengths of a pixel's upper edge and of its left one.

    Returns:
        Class of each number that `merged` meets.
    """
    across, down = (round(GRAIN * side / min(pixel)) for side in pixel)
    numbering, top = _beginning(width), 0
    area, value = np.zeros(1), np.full(1, INVALID, np.uint8)
    borders = [np.empty((0, 3), np.int64)]
    for classes in rows:
        here = np.ascontiguousarray(row_area[top : top + len(classes)])
        *numbering, area, value, some = _survey(classes, here, *numbering, area, value, across, down, least)
        borders.append(some)
        top += len(classes)
    parent, used = numbering[3], numbering[4]
    become: NDArray[np.uint8] = _merge(parent, used, area, value, np.concatenate(borders), least)
    return become


def merged(rows: Iterable[NDArray[np.uint8]], width: int, become: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """The same rows with every region of the class that it `becomes`."""
    numbering = _beginning(width)
    for classes in rows:
        *numbering, changed = _rewrite(classes, *numbering, become)
        yield changed


def _beginning(width: int) -> Numbering:
    start = np.full(width + 3, FAR, np.int32)
    start[0] = -1
    value = np.full(width + 3, INVALID, np.uint8)
    return start, value, np.zeros(width + 3, np.int32), np.zeros(1, np.int32), 1


@njit(cache=True, nogil=True)
def _survey(  # type: ignore[no-untyped-def]
    classes, row_area, above, above_value, above_label, parent, used, area, kind, across, down, least
):
    """Number the regions of some more rows, and measure them and their borders."""
    start, value, label = np.empty_like(above), np.empty_like(above_value), np.zeros_like(above_label)
    pairs, n, above_count = np.empty((1024, 3), np.int64), 0, above.size
    for row in range(classes.shape[0]):
        count = find_runs(classes[row], start, value)
        if used + count > parent.size:
            room = 2 * (used + count)
            parent, area, kind = counted(parent, room), longer(area, room, 0), longer(kind, room, INVALID)
        used = number_runs(above, above_value, above_label, start, value, label, count, parent, used)
        for j in range(count):
            if label[j]:
                root = find(parent, label[j])
                area[root] += (start[j + 1] - start[j]) * row_area[row]
                kind[label[j]] = value[j]
        if n + above_count + 2 * count > len(pairs):
            pairs = taller(pairs, 2 * (n + above_count + 2 * count))
        n = meet(above, above_value, above_label, start, value, label, count, across, down, pairs, n)
        above, start = start, above
        above_value, value = value, above_value
        above_label, label = label, above_label
        above_count = count
    return above, above_value, above_label, parent, used, area, kind, add_up(pairs, n, parent, area, least)


@njit(cache=True, nogil=True)
def _rewrite(classes, above, above_value, above_label, parent, used, become):  # type: ignore[no-untyped-def]
    """Some more rows with other classes, their regions numbered as in the survey."""
    start, value, label = np.empty_like(above), np.empty_like(above_value), np.zeros_like(above_label)
    out = np.empty_like(classes)
    for row in range(classes.shape[0]):
        count = find_runs(classes[row], start, value)
        if used + count > parent.size:
            parent = counted(parent, 2 * (used + count))
        used = number_runs(above, above_value, above_label, start, value, label, count, parent, used)
        for j in range(count):
            out[row, max(start[j], 0) : min(start[j + 1], out.shape[1])] = become[label[j]]
        above, start = start, above
        above_value, value = value, above_value
        above_label, label = label, above_label
    return above, above_value, above_label, parent, used, out


@njit(cache=True, nogil=True)
def _merge(parent, used, area, kind, borders, least):  # type: ignore[no-untyped-def]
    """Merge small regions, smallest first; the class that each number ends with, 255 for number 0."""
    for k in range(1, used):
        root = find(parent, k)
        parent[k] = root
        if root != k:
            area[root] += area[k]
    # the borders of a region are a chain of half borders: 2 k as its first side has it, 2 k + 1 as its second
    first, last = np.full(used, -1, np.int64), np.full(used, -1, np.int64)
    follow = np.full(2 * len(borders), -1, np.int64)
    for h in range(2 * len(borders)):
        region = parent[borders[h >> 1, h & 1]]
        if first[region] < 0:
            first[region] = h
        else:
            follow[last[region]] = h
        last[region] = h
    heap = [(area[k], np.int64(k)) for k in range(1, used) if parent[k] == k and area[k] < least]
    heap.sort()  # sorted is a heap
    shared = np.zeros(used, np.int64)
    while heap:
        size, small = pop(heap)
        if parent[small] != small or area[small] != size or size >= least:
            continue
        beside, best = _neighbours(small, parent, area, borders, first, follow, shared)
        if best == 0:
            continue
        value, joined = kind[best], small
        for other in beside:
            if kind[other] == value:
                joined = _join(parent, area, first, last, follow, joined, other)
        kind[joined] = value
        if area[joined] < least:
            push(heap, (area[joined], np.int64(joined)))
    become = np.full(used, INVALID, np.uint8)
    for k in range(1, used):
        become[k] = kind[find(parent, k)]
    return become


@njit(cache=True, nogil=True)
def _neighbours(region, parent, area, borders, first, follow, shared):  # type: ignore[no-untyped-def]
    """The regions beside one, and the one among them that it should become part of, 0 for none.

    Args:
        shared: zeros to work in, one for every number.
    """
    beside, best = [np.int64(0) for _ in range(0)], np.int64(0)
    h = first[region]
    while h >= 0:
        other = find(parent, borders[h >> 1, 1 - (h & 1)])
        if other != region:
            if shared[other] == 0:
                beside.append(np.int64(other))
            shared[other] += borders[h >> 1, 2]
        h = follow[h]
    for other in beside:
        if best == 0 or (shared[other], area[other], -other) > (shared[best], area[best], -best):
            best = other
    for other in beside:
        shared[other] = 0
    return beside, best


@njit(cache=True, nogil=True)
def _join(parent, area, first, last, follow, a, b):  # type: ignore[no-untyped-def]
    """Make one region of two; its number, the smaller of theirs."""
    root, gone = min(a, b), max(a, b)
    parent[gone] = root
    area[root] += area[gone]
    if first[root] < 0:
        first[root], last[root] = first[gone], last[gone]
    elif first[gone] >= 0:
        follow[last[root]] = first[gone]
        last[root] = last[gone]
    return root
