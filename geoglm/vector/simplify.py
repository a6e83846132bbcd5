"""Simpler outlines: vertices are taken from arcs, never moved, so that neighbours go on sharing every point.

Each arc is simplified once. A vertex goes only if the triangle that is cut off holds no vertex of any arc: then no
outlines cross or touch that did not before, no ring collapses and no region is lost. Nodes stay, and so do the places
where an arc passes from one strip to the next: an arc is simplified strip by strip, and strips depend on the width of
the map alone.

Which vertices may go is told by Visvalingam and Whyatt (Cartographic Journal 30(1), 1993, doi
10.1179/000870493786962263), smallest triangle first up to the square of the tolerance, or by Douglas and Peucker
(Cartographica 10(2), 1973, doi 10.3138/FM57-6770-U75U-7727): those within the tolerance of the line that replaces them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit

from geoglm.vector.corners import doubled_area, is_free, mark_vertices
from geoglm.vector.heap import pop, push
from geoglm.vector.sweep import Arcs
from geoglm.vector.vertices import CORNER

Method = Literal["visvalingam", "douglas"]


def simplify_arcs(arcs: Arcs, top: int, bottom: int, width: int, tolerance: float, method: Method) -> Arcs:
    """Arcs of a strip with fewer vertices.

    Args:
        top, bottom: the first and the last line of the strip.
        width: of the map.
        tolerance: in pixels: how far an outline may move (Douglas–Peucker), or the root of the area that may be cut
            off at a time (Visvalingam–Whyatt).
    """
    coords, begins = _simplify(arcs.coords, arcs.begins, arcs.shape, top, bottom, width, tolerance, method == "douglas")
    return Arcs(coords, begins, arcs.regions, arcs.shape)


@njit(cache=True, nogil=True)
def _simplify(coords, begins, shape, top, bottom, width, tolerance, douglas):  # type: ignore[no-untyped-def]
    """See `simplify_arcs`."""
    marks = mark_vertices(coords, top, bottom, width)
    kept = np.ones(len(coords), np.bool_)
    pairs = _no_pairs(len(shape))
    longest = 0
    for a in range(len(shape)):
        longest = max(longest, begins[a + 1] - begins[a])
        if begins[a + 1] - begins[a] == 2:
            _add_pair(pairs, coords, begins[a], begins[a + 1] - 1)
    before, after = np.empty(longest, np.int64), np.empty(longest, np.int64)
    removable = np.ones(longest, np.bool_)
    limit = np.inf if douglas else 2 * tolerance * tolerance
    for a in range(len(shape)):
        first, last = begins[a], begins[a + 1] - 1
        if last - first < 2:
            continue
        if douglas:
            removable[: last - first + 1] = True
            _keep_far(coords, first, last, tolerance, removable)
        # a closed arc keeps four corners, one that comes back to its node two beside it
        least = 4 if shape[a, 2] == CORNER else 1
        if least == 1 and coords[first, 0] == coords[last, 0] and coords[first, 1] == coords[last, 1]:
            least = 3
        _remove(coords, first, last, least, limit, removable, marks, top, bottom, pairs, before, after, kept)
    n = 0
    out, new_begins = np.empty((kept.sum(), 2), np.int32), np.zeros_like(begins)
    for a in range(len(shape)):
        for k in range(begins[a], begins[a + 1]):
            if kept[k]:
                out[n, 0], out[n, 1] = coords[k, 0], coords[k, 1]
                n += 1
        new_begins[a + 1] = n
    return out, new_begins


@njit(cache=True, nogil=True)
def _remove(  # type: ignore[no-untyped-def]
    coords, first, last, least, limit, removable, marks, top, bottom, pairs, before, after, kept
):
    """Take vertices from one arc, the smallest triangle first.

    Args:
        coords: of all arcs; this one's are `first` to `last`.
        least: edges that are left at least.
        limit: twice the area from which on a triangle stays.
        removable: for each of its vertices, whether it may go.
        before, after: room for the neighbours of each.
        kept: of all arcs; False is put where a vertex goes.
    """
    heap = [(np.int64(0), np.int64(0), np.int64(0), np.int64(0)) for _ in range(0)]
    for k in range(1, last - first):
        before[k], after[k] = k - 1, k + 1
        if removable[k]:
            _offer(heap, coords, first, k - 1, k, k + 1, limit)
    edges = last - first
    while heap and edges > least:
        _, k, p, n = pop(heap)
        if not kept[first + k] or before[k] != p or after[k] != n:
            continue
        ax, ay = np.int64(coords[first + p, 0]), np.int64(coords[first + p, 1])
        bx, by = np.int64(coords[first + k, 0]), np.int64(coords[first + k, 1])
        cx, cy = np.int64(coords[first + n, 0]), np.int64(coords[first + n, 1])
        if ay == bottom and cy == bottom:
            continue  # that line belongs to the next strip
        if not is_free(marks, top, 1, ax, ay, bx, by, cx, cy):
            continue
        if edges == 2 and not _add_pair(pairs, coords, first, last):
            continue
        kept[first + k] = False
        marks[by - top, bx] = 0
        edges -= 1
        if p > 0:
            after[p] = n
            if removable[p]:
                _offer(heap, coords, first, before[p], p, n, limit)
        if n < last - first:
            before[n] = p
            if removable[n]:
                _offer(heap, coords, first, p, n, after[n], limit)


@njit(cache=True, nogil=True)
def _offer(heap, coords, first, p, k, n, limit):  # type: ignore[no-untyped-def]
    """Put vertex `k` between `p` and `n` into the heap, if its triangle is small enough."""
    area = doubled_area(
        np.int64(coords[first + p, 0]), np.int64(coords[first + p, 1]),
        np.int64(coords[first + k, 0]), np.int64(coords[first + k, 1]),
        np.int64(coords[first + n, 0]), np.int64(coords[first + n, 1]),
    )  # fmt: skip
    if area < limit:
        push(heap, (area, np.int64(k), np.int64(p), np.int64(n)))


@njit(cache=True, nogil=True)
def _keep_far(coords, first, last, tolerance, removable):  # type: ignore[no-untyped-def]
    """Douglas–Peucker: say of the vertices that lie too far from the lines that would replace them that they stay."""
    waiting = [(first, last)]
    while waiting:
        begin, end = waiting.pop()
        x, y = np.float64(coords[begin, 0]), np.float64(coords[begin, 1])
        dx, dy = coords[end, 0] - x, coords[end, 1] - y
        length = dx * dx + dy * dy
        farthest, place = tolerance * tolerance, -1
        for k in range(begin + 1, end):
            ex, ey = coords[k, 0] - x, coords[k, 1] - y
            along = 0.0 if length == 0 else min(max((ex * dx + ey * dy) / length, 0.0), 1.0)
            away = (ex - along * dx) ** 2 + (ey - along * dy) ** 2
            if away > farthest:
                farthest, place = away, k
        if place >= 0:
            removable[place - first] = False
            waiting.append((begin, place))
            waiting.append((place, end))


@njit(cache=True, nogil=True)
def _no_pairs(count):  # type: ignore[no-untyped-def]
    """An empty set of straight arcs, known by their ends, with room for `count`."""
    size = 16
    while size < 2 * count:
        size *= 2
    return np.full((size, 4), -1, np.int32)


@njit(cache=True, nogil=True)
def _add_pair(pairs, coords, first, last):  # type: ignore[no-untyped-def]
    """Add the straight arc between two vertices; False if there is one between them already."""
    ax, ay, bx, by = coords[first, 0], coords[first, 1], coords[last, 0], coords[last, 1]
    if (by, bx) < (ay, ax):
        ax, ay, bx, by = bx, by, ax, ay
    mixed = np.uint64(ax) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(ay)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(bx)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0x94D049BB133111EB) + np.uint64(by)
    slot = np.int64((mixed ^ (mixed >> np.uint64(31))) & np.uint64(len(pairs) - 1))
    while pairs[slot, 0] >= 0:
        if pairs[slot, 0] == ax and pairs[slot, 1] == ay and pairs[slot, 2] == bx and pairs[slot, 3] == by:
            return False
        slot = (slot + 1) & (len(pairs) - 1)
    pairs[slot, 0], pairs[slot, 1], pairs[slot, 2], pairs[slot, 3] = ax, ay, bx, by
    return True
