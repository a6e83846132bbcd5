"""Polygons into files while they are made: GeoParquet, GeoPackage, FlatGeobuf, and PMTiles to be looked at.

No file's worth is ever in memory, but for the tiles that GDAL cuts.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import OutputError
from geoglm.io.commit.checks import check_polygons
from geoglm.io.polygon_table import PolygonTable
from geoglm.io.web_tiles import WebPlace, write_tiles

if TYPE_CHECKING:
    import pyarrow as pa

    from geoglm.vector.polygons import Polygons

DRIVERS = {".gpkg": "GPKG", ".fgb": "FlatGeobuf"}
SUFFIXES = (".parquet", *DRIVERS)
"""Of files of whole polygons."""
TILES = ".pmtiles"
"""Of files in which polygons are cut into tiles."""

NEXT_TO_NOTHING = 1 << 20
"""A disk with fewer bytes free is full."""

GROUP_ROWS = 1 << 15
"""Polygons in a row group of GeoParquet: enough to compress well, few enough for a reader to leave most out."""

GROUP_BYTES = 1 << 26
"""Bytes after which a row group is written however few its polygons are."""


def write_polygons(table: PolygonTable, traced: Iterable[Polygons], path: Path, shape: tuple[int, int]) -> int:
    """Write polygons as they come in the format of the suffix of `path` (`SUFFIXES`, `TILES`); how many there were.

    The file is on the disk, and read again, when this returns.

    Args:
        shape: height and width of the map.

    Raises:
        OutputError: they cannot be written, or do not read back; no tiles show the place of the map.
        BaseException: whatever making the polygons failed with.
    """
    count, failed = 0, None

    def counted() -> Iterator[Polygons]:
        nonlocal count, failed
        try:
            for found in traced:
                count += len(found)
                yield found
        except GeneratorExit:
            raise
        except BaseException as error:
            failed = error
            raise

    try:
        if path.suffix == ".parquet":
            _write_parquet(table, counted(), path)
        elif path.suffix == TILES:
            _write_tiles(table, counted(), path, WebPlace.of(table.georef, *shape))
        else:
            _write_gdal(table, counted(), path)
    except Exception as error:
        if failed is not None:
            raise failed from error  # whichever way GDAL put it
        if isinstance(error, OSError) or type(error).__module__.split(".")[0] in ("pyogrio", "pyarrow"):
            raise OutputError(f"{path}: polygons cannot be written ({_reason(error, path)})") from error
        raise
    check_polygons(path, count, table.georef.crs)
    return count


def _reason(error: Exception, path: Path) -> str:
    """What a library says of an error in one line; a full disk in plain words, of which SQLite says nothing."""
    if shutil.disk_usage(path.parent).free < NEXT_TO_NOTHING:
        return os.strerror(errno.ENOSPC)
    return " ".join(str(error).split())


def _write_gdal(table: PolygonTable, traced: Iterable[Polygons], path: Path) -> None:
    """Through GDAL, which takes batch after batch and builds the spatial index when the last has come."""
    import pyarrow as pa
    import pyogrio

    path.unlink(missing_ok=True)
    flat = (_flattened(batch) for batch in table.batches(traced))
    reader = pa.RecordBatchReader.from_batches(_flattened(table.schema.empty_table()).schema, flat)
    with warnings.catch_warnings():
        # that the scene has no CRS was said to the user by then
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        pyogrio.write_arrow(
            reader,
            path,
            driver=DRIVERS[path.suffix],
            layer="polygons",
            geometry_name="geometry",
            geometry_type="MultiPolygon" if table.multi else "Polygon",
            crs=table.georef.crs,
        )


def _write_tiles(table: PolygonTable, traced: Iterable[Polygons], path: Path, place: WebPlace) -> None:
    """Through a file of whole polygons beside it, which GDAL cuts into tiles when the last has come."""
    whole = path.with_name(path.name + ".whole.fgb")
    try:
        _write_gdal(table, traced, whole)
        write_tiles(whole, path, place, table.legend)
    finally:
        whole.unlink(missing_ok=True)


def _flattened(rows: Any) -> Any:
    """The bounding box as four columns, for formats without nested ones."""
    import pyarrow.compute as pc

    place = rows.schema.get_field_index("bbox")
    box, rows = rows.column(place), rows.remove_column(place)
    for name in ("xmin", "ymin", "xmax", "ymax"):
        rows = rows.append_column(name, pc.struct_field(box, name))
    return rows


def _write_parquet(table: PolygonTable, traced: Iterable[Polygons], path: Path) -> None:
    """GeoParquet 1.1 with a covering bbox column; polygons of a row group lie near each other."""
    import pyarrow.parquet as pq

    schema = table.schema.remove_metadata()
    plain = ["class_name"]
    measured = [f.name for f in schema if f.name not in ("geometry", "bbox")]
    measured += [f"bbox.{k}" for k in ("xmin", "ymin", "xmax", "ymax")]
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    with pq.ParquetWriter(
        path, _bare(schema), compression="zstd", compression_level=1, use_dictionary=plain, write_statistics=measured
    ) as writer:
        for group in _groups(table.batches(traced)):
            box = _boxes(group)
            bounds = np.concatenate(
                (np.minimum(bounds[:2], box[:, :2].min(0)), np.maximum(bounds[2:], box[:, 2:].max(0)))
            )
            writer.write_table(group.take(np.argsort(along_curve(box), kind="stable")), row_group_size=GROUP_ROWS)
        writer.add_key_value_metadata({"geo": json.dumps(_geo(table, bounds))})


def _bare(schema: pa.Schema) -> pa.Schema:
    """Without the mark on the geometry; GeoParquet says it in the metadata of the file."""
    import pyarrow as pa

    return pa.schema([f.remove_metadata() for f in schema])


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches put together until they are worth a few row groups."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= 4 * GROUP_ROWS or size >= GROUP_BYTES:
            yield pa.Table.from_batches(waiting).cast(_bare(batch.schema))
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting).cast(_bare(waiting[0].schema))


def _boxes(group: pa.Table) -> NDArray[np.float64]:
    """``(n, 4)`` bounds."""
    import pyarrow.compute as pc

    column = group.column("bbox")
    return np.column_stack([pc.struct_field(column, k).to_numpy() for k in ("xmin", "ymin", "xmax", "ymax")])


def along_curve(boxes: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Where the middles of boxes lie on a Z-order curve (Morton 1966) through all of them: near is near.

    Args:
        boxes: ``(n, 4)`` least x and y, greatest x and y.
    """
    middle = boxes[:, :2] + boxes[:, 2:]
    low = middle.min(axis=0)
    extent = max(float((middle.max(axis=0) - low).max()), np.finfo(np.float64).tiny)
    place = ((middle - low) / extent * 65535).astype(np.uint32)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        place = (place | (place << np.uint32(shift))) & np.uint32(mask)
    curve: NDArray[np.uint32] = place[:, 0] | (place[:, 1] << np.uint32(1))
    return curve


def _geo(table: PolygonTable, bounds: NDArray[np.float64]) -> dict[str, Any]:
    """The metadata that make a Parquet file a GeoParquet file."""
    crs = None
    if table.georef.crs is not None:
        from pyproj import CRS

        crs = CRS.from_wkt(table.georef.crs).to_json_dict()
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["MultiPolygon" if table.multi else "Polygon"],
        "crs": crs,
        "orientation": "counterclockwise",
        "covering": {"bbox": {k: ["bbox", k] for k in ("xmin", "ymin", "xmax", "ymax")}},
    }
    if np.isfinite(bounds).all():
        column["bbox"] = bounds.tolist()
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
