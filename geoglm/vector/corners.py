"""Which vertices of other outlines lie in a corner: what keeps simplified and smoothed outlines from crossing.

A corner of an outline can be cut off, and the outlines still meet only where they met before, if no vertex of any
outline lies in the triangle that is cut, its edges included: an edge that passed through would have to enter and
leave by the new edge, and two straight lines cross once at most. All vertices lie at corners of pixels, so a map of
bytes tells where there are some.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def mark_vertices(coords, top, bottom, width):  # type: ignore[no-untyped-def]
    """``(bottom - top + 1, width + 1)`` uint8, 1 where a vertex lies."""
    marks = np.zeros((bottom - top + 1, width + 1), np.uint8)
    for k in range(len(coords)):
        marks[coords[k, 1] - top, coords[k, 0]] = 1
    return marks


@njit(cache=True, nogil=True)
def doubled_area(ax, ay, bx, by, cx, cy):  # type: ignore[no-untyped-def]
    """Twice the area of a triangle."""
    return abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay))


@njit(cache=True, nogil=True)
def _reach(ax, ay, bx, by, y, unit):  # type: ignore[no-untyped-def]
    """First and last column, in whole pixels, that lie between a line's places at height `y` (in units)."""
    if ay == by:
        return -((-min(ax, bx)) // unit), max(ax, bx) // unit
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    x, whole = ax * (by - ay) + (y - ay) * (bx - ax), unit * (by - ay)
    return -((-x) // whole), x // whole


@njit(cache=True, nogil=True)
def is_free(marks, top, unit, ax, ay, bx, by, cx, cy):  # type: ignore[no-untyped-def]
    """True if no vertex lies in triangle a, b, c but at its corners.

    Args:
        marks: from `mark_vertices`, whose first row is line `top`.
        unit: parts into which a pixel is cut in the triangle's coordinates.
    """
    low, high = min(ay, by, cy), max(ay, by, cy)
    for line in range(-((-low) // unit), high // unit + 1):
        y = line * unit
        first, last = np.int64(1) << 40, -(np.int64(1) << 40)
        for px, py, qx, qy in ((ax, ay, bx, by), (bx, by, cx, cy), (cx, cy, ax, ay)):
            if min(py, qy) <= y <= max(py, qy):
                begin, end = _reach(px, py, qx, qy, y, unit)
                first, last = min(first, begin), max(last, end)
        for column in range(first, last + 1):
            if marks[line - top, column]:
                x = column * unit
                if not ((x == ax and y == ay) or (x == bx and y == by) or (x == cx and y == cy)):
                    return False
    return True
