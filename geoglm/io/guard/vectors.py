"""Files of polygons and points opened: of kinds that hold their own shapes, after a look at what they could draw in.

GDAL takes XML, text and JSON of many kinds for vectors, some of which name other files, servers or whole commands
(``gdal_streamed_alg``). Unasked only GeoPackage, GeoJSON, FlatGeobuf, GeoParquet and Shapefile are opened.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from geoglm.errors import FileRefused
from geoglm.io.guard.kinds import head_of, regular
from geoglm.io.guard.probe import helper
from geoglm.io.guard.raster import quiet
from geoglm.io.guard.trust import Trust, trust

HEAD = 1 << 16
SHAPES = rb'"type"\s*:\s*"(FeatureCollection|Feature|GeometryCollection|(Multi)?(Polygon|LineString|Point))"'
PLUGGED = re.compile(r"create\s+virtual\s+table.*?\busing\s+(?!rtree\b|fts\d)", re.IGNORECASE | re.DOTALL)
"""A table whose rows come from a module; those of SQLite itself, for indices, are harmless."""
REACHING = re.compile(r"\b(ogr_\w+|gdal_\w+|load_extension|readfile|writefile|edit|eval)\s*\(", re.IGNORECASE)
"""Functions by which a view could reach beyond its database."""


def read_vectors(path: Path, *, layer: str | None = None) -> Any:
    """The features of a file as a GeoDataFrame; a DataFrame where they have no geometry.

    Args:
        layer: None for the first.

    Raises:
        SceneNotFound, FileRefused: it is not there, or might do harm.
        ValueError: it is of a kind that is not opened.
        DataSourceError, SceneUnreadable, OSError: it is damaged.
    """
    import geopandas

    kind = admitted_vectors(path, trust())
    with quiet(UserWarning, "More than one layer"):
        if kind == "Parquet":
            return geopandas.read_parquet(path)
        return geopandas.read_file(path.absolute(), engine="pyogrio", layer=layer)


def admitted_vectors(path: Path, given: Trust) -> str:
    """The kind of the file at `path`, once it has been looked through.

    Raises:
        SceneNotFound, FileRefused, ValueError, SceneUnreadable: see `read_vectors`.
    """
    file = regular(path)
    kind = _kind_of(head_of(file, HEAD))
    if kind == "GPKG":
        _check_database(file)
    elif kind is None and not (given.drivers and given.allows(_driver(file), ())):
        raise ValueError(
            "it is no GeoPackage, GeoJSON, FlatGeobuf, GeoParquet or Shapefile; convert it, or --allow-driver lets in "
            "another kind, e.g. KML"
        )
    if kind != "Parquet":
        helper.try_out(file, ("vectors",))
    return kind or "other"


def _kind_of(head: bytes) -> str | None:
    """By the first bytes: a database, a binary format, or JSON of shapes and of nothing that runs."""
    if head.startswith(b"SQLite format 3\0"):
        return "GPKG"
    if head.startswith(b"PAR1"):
        return "Parquet"
    if head.startswith(b"fgb"):
        return "FlatGeobuf"
    if head.startswith(b"\0\0\x27\x0a"):
        return "ESRI Shapefile"
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\x1e \t\r\n")
    if plain.startswith(b"{") and re.search(SHAPES, plain) and b"gdal_streamed_alg" not in plain:
        return "GeoJSON"
    return None


def _driver(file: Path) -> str:
    """The driver that GDAL takes for a file, found out by opening it."""
    from pyogrio import read_info
    from pyogrio.errors import DataSourceError

    try:
        return str(read_info(file).get("driver"))
    except DataSourceError:
        return ""


def _check_database(file: Path) -> None:
    """That the tables and views of a GeoPackage are of its own making.

    Raises:
        FileRefused: they are not, or it is damaged.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro&immutable=1", uri=True)) as database:
            made = [str(sql) for (sql,) in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    except (sqlite3.Error, ValueError) as error:
        raise FileRefused(file, f"it is a damaged database ({error})") from error
    for sql in made:
        if PLUGGED.search(sql):
            raise FileRefused(
                file, f"it has a table that a module makes up ({sql[:80]}); export it to a new GeoPackage"
            )
        if REACHING.search(sql):
            raise FileRefused(file, f"one of its views reaches elsewhere ({sql[:80]}); export it to a new GeoPackage")
