"""Smoother outlines: corners of arcs are cut round by round, as Chaikin did (Computer Graphics and Image Processing
3(4), 1974, doi 10.1016/0146-664X(74)90028-8).

A corner is rounded within the triangle between it and the middles of its two edges, and only if no vertex of any arc
lies there: then outlines cross or touch nowhere that they did not before, since such triangles of two arcs never meet.
Nodes stay, and so do the places where an arc passes from one strip to the next.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from geoglm.vector.corners import is_free, mark_vertices
from geoglm.vector.sweep import Arcs
from geoglm.vector.vertices import CORNER


def parts_of_px(rounds: int) -> int:
    """Parts into which a pixel is cut so that the vertices of so many rounds lie on whole numbers."""
    return int(4**rounds)


def smooth_arcs(arcs: Arcs, top: int, bottom: int, width: int, rounds: int) -> Arcs:
    """Arcs of a strip with rounded corners, in parts of a pixel (see `parts_of_px`).

    Args:
        top, bottom: the first and the last line of the strip.
        width: of the map.
        rounds: of cutting; each doubles the vertices of a corner.
    """
    coords, begins = _smooth(arcs.coords, arcs.begins, arcs.shape, top, bottom, width, rounds)
    return Arcs(coords, begins, arcs.regions, arcs.shape)


@njit(cache=True, nogil=True)
def _smooth(coords, begins, shape, top, bottom, width, rounds):  # type: ignore[no-untyped-def]
    """See `smooth_arcs`."""
    marks = mark_vertices(coords, top, bottom, width)
    unit, most = 4**rounds, 2**rounds
    out, n = np.empty((most * len(coords) + len(shape), 2), np.int32), 0
    new_begins = np.zeros_like(begins)
    points, others = np.empty((most + 2, 2), np.int64), np.empty((most + 2, 2), np.int64)
    for a in range(len(shape)):
        first, last = begins[a], begins[a + 1] - 1
        closed = shape[a, 2] == CORNER
        for k in range(first, last + (not closed)):
            if not closed and k in (first, last):
                out[n, 0], out[n, 1] = unit * coords[k, 0], unit * coords[k, 1]
                n += 1
                continue
            p, q = last - 1 if k == first else k - 1, k + 1
            bx, by = 2 * np.int64(coords[k, 0]), 2 * np.int64(coords[k, 1])
            ax, ay = coords[p, 0] + bx // 2, coords[p, 1] + by // 2  # the middles, in halves of a pixel
            cx, cy = coords[q, 0] + bx // 2, coords[q, 1] + by // 2
            if not is_free(marks, top, 2, ax, ay, bx, by, cx, cy):
                out[n, 0], out[n, 1] = unit * coords[k, 0], unit * coords[k, 1]
                n += 1
                continue
            half = unit // 2
            points[0], points[1], points[2] = (half * ax, half * ay), (half * bx, half * by), (half * cx, half * cy)
            count = 3
            for _ in range(rounds):
                count = _cut(points, count, others)
                points, others = others, points
            for c in range(1, count - 1):
                out[n, 0], out[n, 1] = points[c, 0], points[c, 1]
                n += 1
        if closed:
            out[n, 0], out[n, 1] = out[new_begins[a], 0], out[new_begins[a], 1]
            n += 1
        new_begins[a + 1] = n
    return out[:n].copy(), new_begins


@njit(cache=True, nogil=True)
def _cut(points, count, out):  # type: ignore[no-untyped-def]
    """One round between the middles of two edges, which stay: edges are cut at quarters, their halves in the middle."""
    out[0] = points[0]
    out[1] = (points[0] + points[1]) // 2
    n = 2
    for k in range(1, count - 2):
        out[n] = (3 * points[k] + points[k + 1]) // 4
        out[n + 1] = (points[k] + 3 * points[k + 1]) // 4
        n += 2
    out[n] = (points[count - 2] + points[count - 1]) // 2
    out[n + 1] = points[count - 1]
    return n + 2
