"""Vertices: where outlines turn or meet, found on the line between two rows, and linked along their edges.

A line is the border between two rows of pixels. Walking along it, every column where a run begins above or below is
looked at once. Directions are counted clockwise: east 0, south 1, west 2, north 3.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from geoglm.vector.runs import FAR

CORNER, NODE, PASSAGE, END = 0, 1, 2, 3
"""Kinds of vertices: a turn of one outline; a place where three or more regions, or a region and the border of the
scene, or no data, meet; a place in the line above the strip where an outline just goes on; one in the line below."""


@njit(cache=True, nogil=True)
def cross_line(  # type: ignore[no-untyped-def]  # one walk, for Numba
    y, first, border, above, above_value, above_label, start, value, label, width, column, xy, links, sides, kind, used
):
    """Add the vertices on line `y`; the first free number then.

    Args:
        first: the line is the upper border of a strip, and what lies above belongs to another.
        border: the line is the upper or lower border of the scene.
        above, above_value, above_label, start, value, label: the runs of the rows above and below (`find_runs`).
        column: ``(width + 1,)`` the vertex from which an edge comes down at every column.
        xy: ``(n, 2)`` gets column and line of the vertices.
        links: ``(n, 4)`` gets the next vertex in each direction, -1 where no edge leads there.
        sides: ``(n, 4)`` gets the regions to the right as one leaves in each direction.
        kind: gets what they are.
    """
    i, j, west, across = 0, 0, -1, False
    while True:
        x = min(above[i + 1], start[j + 1])
        if x == FAR:
            return used
        up, down = above[i + 1] == x, start[j + 1] == x
        north_west, south_west = above_label[i], label[j]
        i += up
        j += down
        left, across = across, above_value[i] != value[j]
        degree = up + down + left + across
        straight = degree == 2 and up and down
        if straight and not first:
            continue
        v = used
        used += 1
        xy[v, 0], xy[v, 1] = x, y
        sides[v, 0], sides[v, 1], sides[v, 2], sides[v, 3] = label[j], south_west, north_west, above_label[i]
        links[v, 0] = links[v, 1] = links[v, 2] = links[v, 3] = -1
        if left:
            links[v, 2] = west
            links[west, 0] = v
        if up and not first:
            links[v, 3] = column[x]
            links[column[x], 1] = v
        if across:
            west = v
        if down:
            column[x] = v
        if degree > 2 or (not straight and (border or x in (0, width))):
            kind[v] = NODE
        elif first and up:
            kind[v] = PASSAGE
        else:
            kind[v] = CORNER


@njit(cache=True, nogil=True)
def end_line(y, start, label, count, column, xy, links, sides, kind, used):  # type: ignore[no-untyped-def]
    """Let every edge that comes down end on line `y`, the lower border of a strip; the first free number then."""
    for j in range(1, count):
        v = used
        used += 1
        x = start[j]
        xy[v, 0], xy[v, 1] = x, y
        links[v, 0] = links[v, 1] = links[v, 2] = -1
        links[v, 3] = column[x]
        links[column[x], 1] = v
        sides[v, 0] = sides[v, 1] = 0
        sides[v, 2], sides[v, 3] = label[j - 1], label[j]
        kind[v] = END
    return used


@njit(cache=True, nogil=True)
def split_arcs(xy, links, sides, kind, used):  # type: ignore[no-untyped-def]  # one walk, for Numba
    """Follow the outlines of a strip from node to node.

    Returns:
        ``xy`` of all arcs, one behind the other; ``(n + 1,)`` where each begins; ``(n, 2)`` the regions to its right
        and left; ``(n, 4)`` how it leaves its first vertex, how it comes to its last, and the kinds of both. An
        arc without a node is a closed one: its last vertex is its first, a corner.
    """
    ends, corners = 0, 0
    for v in range(used):
        if kind[v] == CORNER:
            corners += 1
        else:
            for d in range(4):
                ends += links[v, d] >= 0
    limit = ends // 2 + corners // 4
    coords = np.empty((ends + corners + corners // 4, 2), np.int32)
    begins = np.zeros(limit + 1, np.int64)
    regions = np.empty((limit, 2), np.int32)
    shape = np.empty((limit, 4), np.uint8)
    walked = np.zeros(used, np.uint8)  # a bit for every direction of a node
    arcs, n = 0, 0
    for closed in range(2):
        for begin in range(used):
            if (kind[begin] == CORNER) != (closed == 1):
                continue
            for first in range(4):
                if links[begin, first] < 0 or walked[begin] >> first & 1:
                    continue
                v, d = begin, first
                coords[n, 0], coords[n, 1] = xy[v, 0], xy[v, 1]
                n += 1
                while True:
                    v = links[v, d]
                    coords[n, 0], coords[n, 1] = xy[v, 0], xy[v, 1]
                    n += 1
                    if kind[v] != CORNER:
                        walked[v] |= 1 << ((d + 2) & 3)
                        break
                    walked[v] = 15
                    if v == begin:
                        break
                    d = (d + 3) & 3 if links[v, (d + 3) & 3] >= 0 else (d + 1) & 3
                walked[begin] |= 1 << first
                regions[arcs, 0] = sides[begin, first]
                regions[arcs, 1] = sides[begin, (first + 3) & 3]
                shape[arcs, 0], shape[arcs, 1], shape[arcs, 2], shape[arcs, 3] = first, d, kind[begin], kind[v]
                arcs += 1
                begins[arcs] = n
    return coords[:n], begins[: arcs + 1], regions[:arcs], shape[:arcs]
