"""Polygons as vector tiles in one file (PMTiles), for maps in the browser: to be looked at, not to be measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoglm.errors import OutputError
from geoglm.io.guard.raster import quiet
from geoglm.io.items import footprint
from geoglm.types import GeoRef

if TYPE_CHECKING:
    import pyarrow as pa

    from geoglm.io.polygon_table import Legend

NORTH = 85.0511
"""Degrees, where the map of the web ends."""
EXTENT = 4096
"""Units along a tile."""
UNITS_PER_PX = 8
"""Points move by half a unit when they are rounded, a sixteenth of a pixel."""
MOST_ZOOM = 22
NOTHING_DROPPED = {
    "EXTENT": str(EXTENT),
    "BUFFER": "0",
    "SIMPLIFICATION": "0",
    "MAX_SIZE": "2000000000",
    "MAX_FEATURES": "2000000000",
}
"""Options of GDAL's driver, which else leaves polygons out of tiles that grow large."""
SHOWN = ("class_id", "class_name", "area_m2", "mean_confidence")


@dataclass(frozen=True, slots=True)
class WebPlace:
    """A scene on the map of the web (EPSG:3857).

    Args:
        zooms: least, at which it takes about a tile, and greatest, at which a pixel has `UNITS_PER_PX` units.
        box: west, south, east and north in degrees.
    """

    zooms: tuple[int, int]
    box: tuple[float, ...]

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
        return cls((min(int(-math.log2(share)), most), most), tuple(box))


def write_tiles(whole: Path, path: Path, place: WebPlace, legend: Legend) -> None:
    """Have GDAL cut a file of polygons into the tiles of ``path``, whose layer is ``polygons``.

    Attributes are ``polygon``, a number that pieces of one polygon share, ``colour``, and those of `SHOWN` that the
    file has. GDAL's own temporary files lie beside ``path``.
    """
    import pyarrow as pa
    import pyogrio

    path.unlink(missing_ok=True)
    least, most = place.zooms
    bounds = ",".join(map(str, place.box))  # else GDAL takes those of the polygons, and fails where there are none
    options = {"NAME": "polygons", "MINZOOM": str(least), "MAXZOOM": str(most), "BOUNDS": bounds} | NOTHING_DROPPED
    with (
        quiet(RuntimeWarning, "driver PMTiles does not support creation option BOUNDS"),  # it only fails to list it
        pyogrio.open_arrow(whole, columns=SHOWN, use_pyarrow=True) as (told, reader),
    ):
        schema = next(_coloured([reader.schema.empty_table()], legend)).schema
        pyogrio.write_arrow(
            pa.RecordBatchReader.from_batches(schema, _coloured(reader, legend)),
            path,
            driver="PMTiles",
            layer="polygons",
            geometry_name=told["geometry_name"] or "wkb_geometry",
            geometry_type=told["geometry_type"],
            crs=told["crs"],
            dataset_options=options,
        )


def _coloured(batches: Any, legend: Legend) -> Iterator[pa.RecordBatch]:
    """Batches with the number of each polygon and the colour of its class."""
    import pyarrow as pa

    colours, first = dict(zip(legend.values, legend.colours, strict=True)), 1
    for batch in batches:
        numbers = pa.array(range(first, first + len(batch)), pa.int64())
        colour = pa.array([colours[v] for v in batch.column("class_id").to_pylist()], pa.string())
        yield batch.append_column("polygon", numbers).append_column("colour", colour)
        first += len(batch)


def _mercator(degrees: float) -> float:
    """Northing of a latitude, in radii of the Earth."""
    return math.asinh(math.tan(math.radians(degrees)))
