"""Polygons in flat arrays, with what was measured of them, and as WKB and shapely geometries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geoglm.vector.sweep import Measures


@dataclass(frozen=True, slots=True)
class Polygons:
    """Regions as polygons in map coordinates, one or more parts each, outer rings counterclockwise and first.

    Args:
        coords: ``(n, 2)`` float64 x and y, ring behind ring, each closed.
        rings: ``(rings + 1,)`` where each ring begins among them.
        parts: ``(parts + 1,)`` where the rings of each part begin.
        regions: ``(regions + 1,)`` where the parts of each region begin.
        bounds: ``(regions, 4)`` least x and y, greatest x and y.
        perimeter: ``(regions,)`` length of all rings.
        measures: what was counted inside.
    """

    coords: NDArray[np.float64]
    rings: NDArray[np.int64]
    parts: NDArray[np.int64]
    regions: NDArray[np.int64]
    bounds: NDArray[np.float64]
    perimeter: NDArray[np.float64]
    measures: Measures

    def __len__(self) -> int:
        return len(self.regions) - 1

    def as_wkb(self, *, multi: bool = False) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Well-known binary of all regions, one behind the other, and ``(regions + 1,)`` where each begins.

        Args:
            multi: every region as a multipolygon; else it is a polygon of its first and only part.
        """
        pieces = self.coords.view(np.uint8).reshape(-1)
        wkb: tuple[NDArray[np.uint8], NDArray[np.int64]] = _wkb(pieces, self.rings, self.parts, self.regions, multi)
        return wkb

    def as_shapely(self, *, multi: bool = False) -> NDArray[np.object_]:
        """The same as shapely geometries."""
        import shapely

        if multi:
            offsets = self.rings, self.parts, self.regions
            return shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, self.coords, offsets)
        return shapely.from_ragged_array(shapely.GeometryType.POLYGON, self.coords, (self.rings, self.parts))


@njit(cache=True, nogil=True)
def _number(out, n, value):  # type: ignore[no-untyped-def]
    """Write a 32-bit number, least byte first."""
    for k in range(4):
        out[n + k] = value >> (8 * k) & 255
    return n + 4


@njit(cache=True, nogil=True)
def _wkb(pieces, rings, parts, regions, multi):  # type: ignore[no-untyped-def]
    """See `Polygons.as_wkb`; `pieces` are the coordinates' bytes."""
    out = np.empty(pieces.size + 4 * rings.size + 9 * parts.size + 9 * regions.size, np.uint8)
    begins = np.zeros(regions.size, np.int64)
    n = 0
    for f in range(regions.size - 1):
        if multi:
            out[n] = 1
            n = _number(out, n + 1, 6)
            n = _number(out, n, regions[f + 1] - regions[f])
        for p in range(regions[f], regions[f + 1]):
            out[n] = 1
            n = _number(out, n + 1, 3)
            n = _number(out, n, parts[p + 1] - parts[p])
            for r in range(parts[p], parts[p + 1]):
                n = _number(out, n, rings[r + 1] - rings[r])
                size = 16 * (rings[r + 1] - rings[r])
                out[n : n + size] = pieces[16 * rings[r] : 16 * rings[r] + size]
                n += size
        begins[f + 1] = n
    return out[:n], begins
