"""Where on the map of the web a scene lies, and at which zooms it is worth drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import OutputError
from geoglm.io.items import footprint
from geoglm.types import GeoRef
from geoglm.vector.tiled import EXTENT

if TYPE_CHECKING:
    from pyproj import Transformer

HALF_M = math.pi * 6378137
"""From the middle of the map in EPSG:3857 to its edge."""
NORTH = 85.0511
"""Degrees, where the map ends."""
UNITS_PER_PX = 8
"""Points move by half a unit when they are rounded, a sixteenth of a pixel."""
MOST_ZOOM = 22


@dataclass(frozen=True)
class WebPlace:
    """A scene on the map of the web (EPSG:3857).

    Args:
        crs: of the scene.
        box: west, south, east and north in degrees.
        zooms: least, at which it takes about a tile, and greatest, at which a pixel has `UNITS_PER_PX` units.
    """

    crs: str
    box: tuple[float, float, float, float]
    zooms: tuple[int, int]

    @classmethod
    def of(cls, georef: GeoRef, height: int, width: int) -> WebPlace:
        """Of a scene of this size.

        Raises:
            OutputError: nobody knows where it lies, or the map of the web does not show that place in one piece.
        """
        outline, box = footprint(georef, height, width)
        out = "write the polygons as gpkg, parquet or fgb"
        if outline is None or box is None or georef.crs is None:
            raise OutputError(f"pmtiles are tiles of a world map, and the scene has no CRS that places it there; {out}")
        west, south, east, north = box
        if west > east or max(abs(south), abs(north)) > NORTH:
            where = "crosses the 180th meridian" if west > east else f"reaches beyond {NORTH:g} degrees north or south"
            raise OutputError(f"pmtiles end there, and the scene {where}; {out}")
        spans = math.radians(east - west), _mercator(north) - _mercator(south)
        share = max(max(spans) / math.tau, 1e-12)
        pixel = math.sqrt(spans[0] * spans[1] / (height * width)) / math.tau
        most = min(math.ceil(math.log2(max(UNITS_PER_PX / (EXTENT * max(pixel, 1e-12)), 1))), MOST_ZOOM)
        return cls(georef.crs, (west, south, east, north), (min(int(-math.log2(share)), most), most))

    @cached_property
    def _onto(self) -> Transformer:
        from pyproj import Transformer

        return Transformer.from_crs(self.crs, "EPSG:3857", always_xy=True)

    def world(self, coords: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(n, 2)`` map coordinates in 0…1 from the upper left corner of the world to the lower right."""
        x, y = self._onto.transform(coords[:, 0], coords[:, 1])
        return np.column_stack([0.5 + np.asarray(x) / (2 * HALF_M), 0.5 - np.asarray(y) / (2 * HALF_M)])


def _mercator(degrees: float) -> float:
    """Northing of a latitude, in radii of the Earth."""
    return math.asinh(math.tan(math.radians(degrees)))
