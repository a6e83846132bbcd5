"""Runs: a row of a class map as stretches of one class, joined with the row above into regions.

Everything behind this file works on runs, so its cost grows with the length of outlines and not with the number of
pixels. Functions here are compiled (Numba) and write into arrays that are handed in.
"""

from __future__ import annotations

from numba import njit

from geoglm.types import INVALID

FAR = 2**31 - 1
"""Where the run behind the last one begins."""


@njit(cache=True, nogil=True)
def find_runs(row, start, value):  # type: ignore[no-untyped-def]
    """Cut a row into runs; how many there are.

    Args:
        row: ``(x,)`` uint8.
        start: gets the first column of each run, and `FAR` behind the last. The first run is what lies to the left
            of the row, the last what lies to the right; neither has data.
        value: gets their classes.
    """
    start[0], value[0] = -1, INVALID
    count, last = 1, INVALID
    for x in range(row.size):
        here = row[x]
        start[count], value[count] = x, here
        count += here != last
        last = here
    start[count], value[count] = row.size, INVALID
    count += last != INVALID
    start[count] = FAR
    return count


@njit(cache=True, nogil=True)
def find(parent, k):  # type: ignore[no-untyped-def]
    """The smallest member of the set of `k`, paths halved on the way."""
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@njit(cache=True, nogil=True)
def unite(parent, a, b):  # type: ignore[no-untyped-def]
    """Join two sets; the smallest member of both."""
    a, b = find(parent, a), find(parent, b)
    root = min(a, b)
    parent[a] = root
    parent[b] = root
    return root


@njit(cache=True, nogil=True)
def number_runs(above, above_value, above_label, start, value, label, count, parent, used):  # type: ignore[no-untyped-def]
    """Give every run of a row the number of the region above it that it belongs to, or a new one.

    Regions are 4-connected. No data has number 0.

    Args:
        above, above_value, above_label: start, class and number of the runs of the row above.
        start, value: of the runs of this row, `count` of them.
        label: gets their numbers.
        parent: union-find over the numbers; of a free number, itself.
        used: the first free number.

    Returns:
        The first number that is free then.
    """
    i = 0
    for j in range(count):
        if value[j] == INVALID:
            label[j] = 0
            continue
        begin, end = start[j], start[j + 1]
        while above[i + 1] <= begin:
            i += 1
        k, found = i, 0
        while above[k] < end:
            if above_value[k] == value[j]:
                found = above_label[k] if found == 0 else unite(parent, found, above_label[k])
            k += 1
        if found == 0:
            found = used
            used += 1
        label[j] = found
    return used


@njit(cache=True, nogil=True)
def join_corners(above, above_value, above_label, start, value, label, count, parent):  # type: ignore[no-untyped-def]
    """Join runs of one class that touch the row above only at a corner: 8-connectivity."""
    i = 0
    for j in range(1, count):
        while above[i + 1] < start[j]:
            i += 1
        # the run above ends, another begins and one here ends and begins: at a corner
        if above[i + 1] == start[j]:
            if value[j] != INVALID and above_value[i] == value[j]:
                unite(parent, above_label[i], label[j])
            if value[j - 1] != INVALID and above_value[i + 1] == value[j - 1]:
                unite(parent, above_label[i + 1], label[j - 1])


@njit(cache=True, nogil=True)
def measure_runs(start, value, label, count, certain, pixel_area, kind, pixels, area, total, sure, least):  # type: ignore[no-untyped-def]
    """Add the runs of one row to what is known of their regions.

    Args:
        certain: ``(x,)`` confidence in percent, 255 where unknown; of length 0 for none.
        pixel_area: of the pixels of the row.
        kind, pixels, area, total, sure, least: class, pixels, area, summed confidence, pixels that have one, and
            the least confidence of every region.
    """
    for j in range(count):
        k = label[j]
        if k == 0:
            continue
        length = start[j + 1] - start[j]
        kind[k] = value[j]
        pixels[k] += length
        area[k] += length * pixel_area
        if certain.size:
            low, summed, known = least[k], 0, 0
            for x in range(start[j], start[j + 1]):
                here = certain[x]
                known += here != INVALID
                summed += here
                low = min(low, here)
            total[k] += summed - INVALID * (length - known)
            sure[k] += known
            least[k] = low
