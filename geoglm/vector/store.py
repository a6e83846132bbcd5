"""The store: arcs wait here until a region beside them ends; then its polygon leaves, and arcs no one needs go."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from affine import Affine
from numba import njit
from numpy.typing import NDArray

from geoglm.vector.polygons import Polygons
from geoglm.vector.rings import find_rings, link_sides, sides_of, write_ring
from geoglm.vector.sweep import Arcs, Strip


@dataclass(slots=True)
class Store:
    """Arcs around regions that have not ended.

    Args:
        transform: from the coordinates of the arcs to those of the map.
        scale: ``(lines, 2)`` metres on the ground for one unit of x and of y on every line of the scene.
        parts_of_px: parts into which a pixel is cut in the coordinates of the arcs.
    """

    transform: Affine
    scale: NDArray[np.float64]
    parts_of_px: int = 1
    _arcs: Arcs = field(
        default_factory=lambda: Arcs(
            np.empty((0, 2), np.int32), np.zeros(1, np.int64), np.empty((0, 2), np.int32), np.empty((0, 4), np.uint8)
        ),
        init=False,
    )

    def take(self, strip: Strip, arcs: Arcs) -> Polygons:
        """Polygons of the regions that end with a strip.

        Args:
            strip: what ends with it.
            arcs: its arcs, as they are to be drawn.
        """
        kept, n = self._arcs, len(self._arcs.coords)
        arcs = Arcs(
            np.concatenate((kept.coords, arcs.coords)),
            np.concatenate((kept.begins, arcs.begins[1:] + n)),
            strip.number[np.concatenate((kept.regions, arcs.regions))],
            np.concatenate((kept.shape, arcs.shape)),
        )
        count = int(strip.parts[-1])
        coords, rings, parts, lengths, bounds = _assemble(
            arcs.coords, arcs.begins, arcs.regions, arcs.shape, count, self._to_map(), self.scale, self.parts_of_px
        )
        self._arcs = Arcs(*_waiting(arcs.coords, arcs.begins, arcs.regions, arcs.shape))
        first = strip.parts[:-1]
        bounds = np.column_stack(
            [np.minimum.reduceat(bounds[:, :2], first, axis=0), np.maximum.reduceat(bounds[:, 2:], first, axis=0)]
            if len(first)
            else [bounds]
        )
        perimeter = np.add.reduceat(lengths, first) if len(first) else lengths
        return Polygons(coords, rings, parts, strip.parts, bounds, perimeter, strip.ended)

    def _to_map(self) -> tuple[float, ...]:
        t, k = self.transform, self.parts_of_px
        return t.a / k, t.b / k, t.c, t.d / k, t.e / k, t.f


@njit(cache=True, nogil=True)
def _assemble(coords, begins, regions, shape, count, to_map, scale, parts_of_px):  # type: ignore[no-untyped-def]
    """Polygons of the parts -1, -2, … -count: coordinates, rings, parts, length and bounds of each."""
    sides, part_begins = sides_of(regions, count)
    follow = link_sides(coords, begins, regions, shape, sides)
    heads, ring_begins = find_rings(coords, begins, sides, part_begins, follow)
    room = len(heads)
    for side in sides:
        room += begins[(side >> 1) + 1] - begins[side >> 1]
    corners, n = np.empty((room, 2), np.int32), 0
    rings = np.zeros(len(heads) + 1, np.int64)
    for r in range(len(heads)):
        n = write_ring(coords, begins, shape, sides, follow, heads[r], corners, n)
        rings[r + 1] = n
    a, b, c, d, e, f = to_map
    mirrored = a * e - b * d < 0
    out = np.empty((n, 2), np.float64)
    lengths, bounds = np.zeros(count, np.float64), np.empty((count, 4), np.float64)
    for part in range(count):
        bounds[part] = np.inf, np.inf, -np.inf, -np.inf
        for r in range(ring_begins[part], ring_begins[part + 1]):
            first, end = rings[r], rings[r + 1]
            for p in range(first, end):
                col, row = corners[p, 0], corners[p, 1]
                x, y = a * col + b * row + c, d * col + e * row + f
                q = first + end - 1 - p if mirrored else p
                out[q, 0], out[q, 1] = x, y
                bounds[part, 0], bounds[part, 1] = min(bounds[part, 0], x), min(bounds[part, 1], y)
                bounds[part, 2], bounds[part, 3] = max(bounds[part, 2], x), max(bounds[part, 3], y)
                if p > first:
                    across, down = col - corners[p - 1, 0], row - corners[p - 1, 1]
                    line = (row + corners[p - 1, 1]) // (2 * parts_of_px)
                    dx, dy = (a * across + b * down) * scale[line, 0], (d * across + e * down) * scale[line, 1]
                    lengths[part] += np.sqrt(dx * dx + dy * dy)
    return out, rings, ring_begins, lengths, bounds


@njit(cache=True, nogil=True)
def _waiting(coords, begins, regions, shape):  # type: ignore[no-untyped-def]
    """The arcs beside a part that goes on; what ended on their other side is forgotten."""
    arcs, n = 0, 0
    for a in range(len(regions)):
        if regions[a, 0] > 0 or regions[a, 1] > 0:
            arcs += 1
            n += begins[a + 1] - begins[a]
    kept_coords, kept_begins = np.empty((n, 2), np.int32), np.zeros(arcs + 1, np.int64)
    kept_regions, kept_shape = np.empty((arcs, 2), np.int32), np.empty((arcs, 4), np.uint8)
    k, n = 0, 0
    for a in range(len(regions)):
        if regions[a, 0] > 0 or regions[a, 1] > 0:
            size = begins[a + 1] - begins[a]
            kept_coords[n : n + size] = coords[begins[a] : begins[a + 1]]
            n += size
            kept_begins[k + 1] = n
            kept_regions[k, 0], kept_regions[k, 1] = max(regions[a, 0], 0), max(regions[a, 1], 0)
            kept_shape[k] = shape[a]
            k += 1
    return kept_coords, kept_begins, kept_regions, kept_shape
