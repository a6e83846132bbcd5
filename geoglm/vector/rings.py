"""Rings: the arcs around a part, put together in the order in which one walks around it."""

from __future__ import annotations

import numpy as np
from numba import njit

from geoglm.vector.vertices import CORNER, PASSAGE


@njit(cache=True, nogil=True)
def sides_of(regions, count):  # type: ignore[no-untyped-def]
    """The sides of arcs on which parts -1, -2, … -count lie.

    A side is twice the number of the arc, plus 1 for the left: there the part is walked around against the arc.

    Returns:
        The sides, part by part, and ``(count + 1,)`` where those of each begin.
    """
    begins = np.zeros(count + 1, np.int64)
    for a in range(len(regions)):
        for s in range(2):
            if regions[a, s] < 0:
                begins[-regions[a, s]] += 1
    for p in range(count):
        begins[p + 1] += begins[p]
    free = begins[:-1].copy()
    sides = np.empty(begins[count], np.int64)
    for a in range(len(regions)):
        for s in range(2):
            if regions[a, s] < 0:
                part = -1 - regions[a, s]
                sides[free[part]] = 2 * a + s
                free[part] += 1
    return sides, begins


@njit(cache=True, nogil=True)
def _hash(x, y, part):  # type: ignore[no-untyped-def]
    """A number for a place on the outline of a part."""
    mixed = np.uint64(x) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(y)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(part)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@njit(cache=True, nogil=True)
def link_sides(coords, begins, regions, shape, sides):  # type: ignore[no-untyped-def]
    """For every side the one that follows as one walks with the part to the right; places among `sides`.

    Where two pixels of a part touch only at a corner, the walk turns left: then each ring is the border of one
    connected piece of what the part is not, and touches itself nowhere.
    """
    size = 16
    while size < 2 * len(sides):
        size *= 2
    mask = np.uint64(size - 1)
    table = np.full(size, -1, np.int32)
    follow = np.empty(len(sides), np.int32)
    for k in range(len(sides)):
        a, s = sides[k] >> 1, sides[k] & 1
        if shape[a, 2] == CORNER:
            continue
        p = begins[a + 1] - 1 if s else begins[a]
        slot = _hash(coords[p, 0], coords[p, 1], regions[a, s]) & mask
        while table[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = k
    for k in range(len(sides)):
        a, s = sides[k] >> 1, sides[k] & 1
        if shape[a, 2] == CORNER:
            follow[k] = k
            continue
        p = begins[a] if s else begins[a + 1] - 1
        heading = (shape[a, 0] + 2) & 3 if s else shape[a, 1]
        slot = _hash(coords[p, 0], coords[p, 1], regions[a, s]) & mask
        found = -1
        while table[slot] >= 0:
            other = table[slot]
            b, t = sides[other] >> 1, sides[other] & 1
            q = begins[b + 1] - 1 if t else begins[b]
            if coords[q, 0] == coords[p, 0] and coords[q, 1] == coords[p, 1] and regions[b, t] == regions[a, s]:
                leaving = (shape[b, 1] + 2) & 3 if t else shape[b, 0]
                if found < 0 or leaving == (heading + 3) & 3:
                    found = other
            slot = (slot + np.uint64(1)) & mask
        follow[k] = found
    return follow


@njit(cache=True, nogil=True)
def find_rings(coords, begins, sides, part_begins, follow):  # type: ignore[no-untyped-def]
    """The rings of every part, its outer one first.

    Returns:
        ``(rings,)`` the place of a side of each, and ``(parts + 1,)`` where those of each part begin.
    """
    parts = len(part_begins) - 1
    heads = np.empty(len(sides), np.int64)
    ring_begins = np.zeros(parts + 1, np.int64)
    seen = np.zeros(len(sides), np.bool_)
    rings = 0
    for part in range(parts):
        first = rings
        for head in range(part_begins[part], part_begins[part + 1]):
            if seen[head]:
                continue
            k, doubled = head, 0  # twice the area, positive where the part lies inside
            while not seen[k]:
                seen[k] = True
                a, s = sides[k] >> 1, sides[k] & 1
                turned = 0
                for p in range(begins[a], begins[a + 1] - 1):
                    turned += np.int64(coords[p, 0]) * coords[p + 1, 1] - np.int64(coords[p + 1, 0]) * coords[p, 1]
                doubled += -turned if s else turned
                k = follow[k]
            heads[rings] = head
            if doubled > 0:
                heads[rings], heads[first] = heads[first], head
            rings += 1
        ring_begins[part + 1] = rings
    return heads[:rings], ring_begins


@njit(cache=True, nogil=True)
def write_ring(coords, begins, shape, sides, follow, head, out, n):  # type: ignore[no-untyped-def]
    """Put the coordinates of a ring behind the first `n` of `out`, closed; how many there are then.

    Places where an arc only passes from strip to strip are left out where it goes straight on.
    """
    before = head
    while follow[before] != head:
        before = follow[before]
    first, k = n, head
    while True:
        a, s = sides[k] >> 1, sides[k] & 1
        b, t = sides[before] >> 1, sides[before] & 1
        step = -1 if s else 1
        p = begins[a + 1] - 1 if s else begins[a]
        stop = begins[a] if s else begins[a + 1] - 1
        if shape[a, 2 + s] == PASSAGE or shape[b, 3 - t] == PASSAGE:
            q = begins[b] + 1 if t else begins[b + 1] - 2  # the one before the last of the arc before
            dx, dy = np.int64(coords[p, 0] - coords[q, 0]), np.int64(coords[p, 1] - coords[q, 1])
            ex, ey = coords[p + step, 0] - coords[p, 0], coords[p + step, 1] - coords[p, 1]
            if dx * ey == dy * ex:
                p += step
                if p == stop:
                    before, k = k, follow[k]
                    if k == head:
                        break
                    continue
        while p != stop:
            out[n, 0], out[n, 1] = coords[p, 0], coords[p, 1]
            n += 1
            p += step
        before, k = k, follow[k]
        if k == head:
            break
    out[n, 0], out[n, 1] = out[first, 0], out[first, 1]
    return n + 1
