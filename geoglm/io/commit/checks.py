"""What was written is read again before anybody sees it: the same bytes, in the same place."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from isal import isal_zlib

from geoglm.errors import OutputError
from geoglm.io.commit.whole import sync
from geoglm.types import GeoRef

GEOPACKAGE_COUNTS = """
    SELECT (SELECT count(*) FROM polygons),
           (SELECT count(*) FROM rtree_polygons_geom_rowid),
           (SELECT feature_count FROM gpkg_ogr_contents WHERE table_name = 'polygons')
"""
"""How many polygons a GeoPackage holds, has in its spatial index, and tells readers of. GDAL writes the last two, and
the bounds, when it closes the file, and does not say when that fails."""


def crc(block: bytes | memoryview) -> int:
    """CRC-32 of some bytes, at several gigabytes a second."""
    return int(isal_zlib.crc32(block))


def check_bytes(path: Path, parts: Iterable[tuple[int, int]]) -> None:
    """Have a file on the disk, and read it again.

    Args:
        parts: length and CRC-32 of the pieces that it is made of, in their order; nothing comes after them.

    Raises:
        OutputError: it holds something else.
    """
    sync([path])
    with path.open("rb", buffering=1 << 20) as stream:
        sound = all(crc(stream.read(size)) == told for size, told in parts) and not stream.read(1)
    if not sound:
        raise _damaged(path)


def check_place(path: Path, shape: tuple[int, int], bands: int, georef: GeoRef) -> None:
    """Open a raster as anybody would: it must have the size and lie where the scene does.

    Raises:
        OutputError: it does not, as where PROJ has no database to understand the CRS with.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings(), rasterio.Env():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as file:
                found = file.shape, file.count
                placed = georef.transform is None or file.transform.almost_equals(georef.transform, 1e-9)
                named = bool(file.crs) or georef.crs is None
    except RasterioError as error:
        raise _damaged(path) from error
    if found != (shape, bands):
        raise _damaged(path)
    if not (placed and named):
        raise lost_crs(path)


def check_polygons(path: Path, count: int, crs: str | None) -> None:
    """Have a file of polygons on the disk, and open it again: it must hold as many, in a CRS if there is one.

    Of tiles there must be some: one polygon may lie in several.

    Raises:
        OutputError: it does not.
    """
    sync([path])
    if path.suffix == ".pmtiles" and count == 0:
        return  # GDAL writes a file without tiles, but reads none
    try:
        found, named = _counted(path)
    except Exception as error:  # each reader has its own
        raise _damaged(path) from error
    if path.suffix == ".pmtiles":
        found, count = min(found, 1), 1
    if found != count:
        raise _damaged(path)
    if crs is not None and not named:
        raise lost_crs(path)


def _counted(path: Path) -> tuple[int, bool]:
    """Polygons in a file, and whether it names a CRS."""
    if path.suffix == ".parquet":
        import json

        from pyarrow import parquet

        metadata = parquet.read_metadata(path)
        geo: dict[str, Any] = json.loads(metadata.metadata[b"geo"])
        return metadata.num_rows, geo["columns"]["geometry"].get("crs") is not None
    if path.suffix == ".gpkg":
        import sqlite3

        with closing(sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True)) as database:
            counts = database.execute(GEOPACKAGE_COUNTS).fetchone()
            srs, left = database.execute("SELECT srs_id, min_x FROM gpkg_contents").fetchone()
        return 0 if left is None else min(counts), srs not in (-1, 0, 99999)
    import pyogrio

    told = pyogrio.read_info(path, force_feature_count=True)
    return int(told["features"]), told["crs"] is not None


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(os.fsencode(path))


def _damaged(path: Path) -> OutputError:
    return OutputError(f"{path}: does not read back as it was written; check the disk, then run the same command again")


def lost_crs(path: Path) -> OutputError:
    """The error for a file whose place got lost in writing."""
    return OutputError(
        f"{path}: has lost the CRS of the scene; PROJ_DATA, PROJ_LIB or GDAL_DATA may point to another program's "
        "database: unset them"
    )
