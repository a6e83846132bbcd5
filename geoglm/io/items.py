"""A STAC item for a folder of results, so that a catalogue can take it in.

STAC 1.1 (https://github.com/radiantearth/stac-spec) with the extensions projection, raster, classification, processing
and file. The model is named as what made the maps; its own card, in terms of the MLM extension, stays with the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from geoglm.io.geotiff import DRIVERS, RasterFile
from geoglm.io.guard.raster import opened
from geoglm.io.guard.trust import trust
from geoglm.io.legend import own_legend
from geoglm.types import GeoRef, SceneMeta

ITEM = "item.json"
VERSION = "1.1.0"
EXTENSIONS = {
    "proj": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "raster": "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "classification": "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "processing": "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "file": "https://stac-extensions.github.io/file/v2.1.0/schema.json",
}
KINDS = {
    ".tif": ("image/tiff; application=geotiff; profile=cloud-optimized", "data"),
    ".gpkg": ("application/geopackage+sqlite3", "data"),
    ".parquet": ("application/vnd.apache.parquet", "data"),
    ".fgb": ("application/vnd.flatgeobuf", "data"),
    ".pmtiles": ("application/vnd.pmtiles", "data"),
    ".csv": ("text/csv", "data"),
    ".png": ("image/png", "overview"),
    ".html": ("text/html", "metadata"),
    ".json": ("application/json", "metadata"),
}
"""Media type and role of files by their ending; others (styles) are no assets."""
EDGE_STEPS = 16
"""Pieces in which an edge of the scene is followed, since it may be curved in longitude and latitude."""


def stac_item(folder: Path, manifest: Mapping[str, Any], *, name: str, days: Sequence[date]) -> dict[str, Any]:
    """The item of the results in `folder`, of which at least one is a GeoTIFF.

    Args:
        manifest: of the run: time, versions, and length and SHA-256 of files where it tells them.
        name: of the item.
        days: of the scene or scenes; none where unknown, and then the time of processing stands in their place.
    """
    rasters = sorted(folder.glob("*.tif"))
    meta = RasterFile(rasters[0]).meta
    geometry, box = footprint(meta.georef, meta.height, meta.width)
    made = str(manifest["made"]).replace("+00:00", "Z")
    model = manifest.get("model") or {}
    used = {"geoglm": str(manifest["geoglm"])} | ({model["name"]: str(model["version"])} if model.get("name") else {})
    properties: dict[str, Any] = {
        **_times(days, made),
        "created": made,
        "processing:datetime": made,
        "processing:software": used,
        "processing:lineage": " ".join(str(a) for a in manifest.get("command", ())),
        **_projection(meta),
    }
    if not days:
        properties["description"] = "The date of the scene is not known; datetime is that of the processing."
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(EXTENSIONS.values()),
        "id": name,
        "geometry": geometry,
        "properties": properties,
        "links": [],
        "assets": dict(_assets(folder, manifest.get("files") or {})),
    }
    return item | ({"bbox": box} if box else {})


def _times(days: Sequence[date], made: str) -> dict[str, str | None]:
    """One instant, or from when to when."""
    told = sorted({f"{day.isoformat()}T00:00:00Z" for day in days}) or [made]
    if len(told) == 1:
        return {"datetime": told[0]}
    return {"datetime": None, "start_datetime": told[0], "end_datetime": told[-1]}


def footprint(georef: GeoRef, height: int, width: int) -> tuple[dict[str, Any] | None, list[float] | None]:
    """GeoJSON outline and bounding box in longitude and latitude; None where the scene does not lie anywhere.

    A scene across the antimeridian has an outline in two parts and a box whose west is greater than its east.
    """
    if not georef.is_complete or georef.transform is None:
        return None, None
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    edge = np.linspace(0, 1, EDGE_STEPS, endpoint=False)
    ones, none = np.ones_like(edge), np.zeros_like(edge)
    cols = np.concatenate([edge, ones, 1 - edge, none]) * width
    rows = np.concatenate([none, edge, ones, 1 - edge]) * height
    a, b, c, d, e, f, *_ = georef.transform
    x, y = a * cols + b * rows + c, d * cols + e * rows + f
    try:
        lon, lat = Transformer.from_crs(georef.crs, "OGC:CRS84", always_xy=True).transform(x, y)
    except ProjError:
        return None, None
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None, None
    lon, lat = np.unwrap(np.asarray(lon, np.float64), period=360), np.asarray(lat, np.float64)
    return _outline(lon, lat)


def _outline(lon: np.ndarray, lat: np.ndarray) -> tuple[dict[str, Any], list[float]]:
    """`lon` is continuous, and may go beyond ±180."""
    from shapely import affinity
    from shapely.geometry import MultiPolygon, Polygon, box, mapping

    lon = lon - 360 * math.floor((lon.min() + 180) / 360)  # begins in −180…180
    shape = Polygon(zip(lon.round(9), lat.round(9), strict=True)).buffer(0)
    west, south, east, north = shape.bounds
    if east <= 180:
        return dict(mapping(shape)), [west, south, east, north]
    here = shape.intersection(box(-180, -90, 180, 90))
    there = affinity.translate(shape.intersection(box(180, -90, 540, 90)), -360)
    parts = MultiPolygon([p for s in (here, there) for p in getattr(s, "geoms", [s])])
    return dict(mapping(parts)), [west, south, east - 360, north]


def _projection(meta: SceneMeta) -> dict[str, Any]:
    """Fields of the projection extension."""
    shape = {"proj:shape": [meta.height, meta.width]}
    georef = meta.georef
    if not georef.is_complete or georef.transform is None:
        return shape | {"proj:code": None}
    from pyproj import CRS

    crs = CRS.from_user_input(georef.crs)
    authority = crs.to_authority()
    code = {"proj:code": ":".join(authority)} if authority else {"proj:code": None, "proj:wkt2": crs.to_wkt()}
    transform: Affine = georef.transform
    gsd = {"gsd": meta.gsd} if meta.gsd else {}
    return code | shape | gsd | {"proj:transform": list(transform)[:6]}


def _assets(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.iterdir()):
        if path.suffix not in KINDS or path.name == ITEM:
            continue
        kind, role = KINDS[path.suffix]
        asset: dict[str, Any] = {"href": f"./{path.name}", "type": kind, "roles": [role]}
        known = files.get(path.name, {})
        if "bytes" in known:
            asset["file:size"] = known["bytes"]
        if "sha256" in known:
            asset["file:checksum"] = f"1220{known['sha256']}"  # multihash: SHA-256 of 32 bytes
        if path.suffix == ".tif":
            asset["bands"] = _bands(path)
        yield path.stem if role == "data" else path.name, asset


def _bands(path: Path) -> list[dict[str, Any]]:
    """Fields of bands, the classes among them."""
    legend = own_legend(path)
    with opened(path, DRIVERS, trust()) as file:
        bands = []
        for k, (kind, name) in enumerate(zip(file.dtypes, file.descriptions, strict=True)):
            band: dict[str, Any] = {"name": name or f"band {k + 1}", "data_type": kind}
            if file.nodata is not None:
                band["nodata"] = file.nodata
            if file.scales[k] != 1:
                band["raster:scale"] = file.scales[k]
            if legend:
                band["classification:classes"] = [
                    {"value": c.value, "name": _word(c.name), "title": c.name, "color_hint": c.colour[1:].upper()}
                    for c in legend
                ]
            bands.append(band)
    return bands


def _word(name: str) -> str:
    """A name of a class as the extension wants it: letters, digits, minus and underscore."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name) or "_"
