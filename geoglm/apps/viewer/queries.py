"""What the page asks: what lies at a pixel, how much of each class is in a window, which polygons are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from geoglm.apps.viewer.layers import Layer, View
from geoglm.apps.viewer.raster import Grid
from geoglm.apps.viewer.tiles import class_values, thinned
from geoglm.io.guard.raster import quiet
from geoglm.io.guard.trust import trust
from geoglm.io.guard.vectors import admitted_vectors
from geoglm.stats.area import class_areas, class_counts, pixel_areas
from geoglm.types import GeoRef, PixelBox

COUNTED_PX = 1 << 20
"""Pixels that are counted at most; of a larger window one of so many is."""
MOST_POLYGONS = 2000
"""Polygons that are drawn at most."""
MOST_CORNERS = 20_000
"""Corners of a polygon that are drawn at most."""

Window = tuple[float, float, float, float]
"""Top, left, bottom and right, in rows and columns of the grid."""


def at(view: View, row: int, col: int) -> dict[str, Any]:
    """What lies at a pixel of the grid: where on the ground, and the values of all layers."""
    box = PixelBox(row, col, row + 1, col + 1)
    told = {layer.sure.path for layer in view.layers if layer.sure is not None}  # beside the class
    return {
        "row": row,
        "col": col,
        "place": _place(view.grid.georef, row + 0.5, col + 0.5),
        "layers": [_layer_at(layer, box) for layer in view.layers if layer.raster.path not in told],
        "polygons": [
            {"title": title} | shape
            for title, path in view.polygons
            for shape in _features(path, view.grid, (row + 0.49, col + 0.49, row + 0.51, col + 0.51), 1)[0]
        ],
    }


def _layer_at(layer: Layer, box: PixelBox) -> dict[str, Any]:
    """The class, its confidence and probabilities; percent; or the bands of a scene."""
    told: dict[str, Any] = {"key": layer.key, "title": layer.title, "kind": layer.kind}
    if layer.kind == "scene":
        pixels, valid = layer.raster.read(box, range(len(layer.raster.meta.bands)))
        names = [n or f"band {k}" for k, n in enumerate(layer.raster.meta.bands, 1)]
        values = pixels[:, 0, 0].tolist() if valid[0, 0] else []
        return told | {"bands": [[n, v] for n, v in zip(names, values, strict=False)]}
    pixels, valid = layer.raster.read(box, [0])
    value = int(pixels[0, 0, 0]) if valid[0, 0] else None
    if layer.kind == "shade":
        return told | {"percent": value}
    found = next((c for c in layer.legend if c.value == value), None)
    told |= {"value": value, "name": found.name if found else None, "colour": found.colour if found else None}
    if layer.sure is not None:
        percent, known = layer.sure.read(box, [0])
        told["confidence"] = int(percent[0, 0, 0]) if known[0, 0] else None
    if layer.likely is not None and value is not None:
        every, _ = layer.likely.read(box, range(len(layer.legend)))
        told["probabilities"] = [[c.name, int(p)] for c, p in zip(layer.legend, every[:, 0, 0], strict=True)]
    return told


def _place(georef: GeoRef, row: float, col: float) -> dict[str, float] | None:
    """Map coordinates, and longitude and latitude where the CRS is known."""
    from pyproj import CRS, Transformer

    if georef.transform is None:
        return None
    x, y = georef.transform @ (col, row)
    place = {"x": x, "y": y}
    if georef.crs is not None:
        lon, lat = Transformer.from_crs(CRS.from_wkt(georef.crs), "OGC:CRS84", always_xy=True).transform(x, y)
        if np.isfinite([lon, lat]).all():
            place |= {"lon": lon, "lat": lat}
    return place


def areas(layer: Layer, box: PixelBox, *, least: int = 0) -> dict[str, Any]:
    """Pixels and hectares of each class in `box`: all pixels counted, or in a large window one of 4, 16 ...

    Args:
        least: percent; pixels that are less sure than this do not count.

    Returns:
        ``classes`` (value, pixels, and hectares or None where the map does not say where it lies), ``exact`` (whether
        every pixel was counted).
    """
    level = 0
    while np.prod(thinned(box, level)) > COUNTED_PX:
        level += 1
    if level > layer.raster.coarsest:
        return {"classes": [], "exact": False}
    shape = thinned(box, level)
    counts = class_counts(class_values(layer, box, shape, least=least), [c.value for c in layer.legend])
    step = box.height / shape[0], box.width / shape[1]
    georef = layer.raster.grid.georef
    if georef.transform is not None:
        finer = georef.transform @ Affine.translation(box.left, box.top) @ Affine.scale(step[1], step[0])
        georef = GeoRef(finer, georef.crs)
    each = pixel_areas(georef, *shape)
    hectares = class_areas(counts, each) / 1e4 if each is not None else None
    pixels = counts.sum(axis=0) * step[0] * step[1]
    return {
        "classes": [
            {"value": c.value, "pixels": round(float(n)), "hectares": None if hectares is None else float(hectares[k])}
            for k, (c, n) in enumerate(zip(layer.legend, pixels, strict=True))
        ],
        "exact": level == 0,
    }


def polygons_in(path: Path, grid: Grid, box: PixelBox, *, most: int = MOST_POLYGONS) -> dict[str, Any]:
    """The polygons of a file that meet `box`, in columns and rows of the grid, as GeoJSON.

    A member ``more`` tells whether there are more than `most`, of which none is then given.
    """
    features, more = _features(path, grid, (box.top, box.left, box.bottom, box.right), most)
    return {"type": "FeatureCollection", "features": [] if more else features, "more": more}


def _features(path: Path, grid: Grid, window: Window, most: int) -> tuple[list[dict[str, Any]], bool]:
    """At most `most` polygons that meet a window, as features of GeoJSON, and whether there are more."""
    frame = _frame(path, grid, window, most + 1)
    back = ~(grid.georef.transform or Affine.identity())
    shapes = frame.geometry.affine_transform([back.a, back.b, back.d, back.e, back.c, back.f])
    fields = [c for c in frame.columns if c not in ("geometry", "bbox", "xmin", "ymin", "xmax", "ymax")]
    rows = [{k: _plain(v) for k, v in row.items()} for row in frame[fields].head(most).to_dict("records")]
    features = [
        {"type": "Feature", "geometry": _drawable(shape).__geo_interface__, "properties": row}
        for shape, row in zip(shapes, rows, strict=False)
    ]
    return features, len(frame) > most


def _frame(path: Path, grid: Grid, window: Window, rows: int) -> Any:
    """At most so many polygons that meet a window, in the CRS of the grid, found by the index of the file."""
    import geopandas
    from shapely import box

    georef, kind = grid.georef, admitted_vectors(path, trust())
    top, left, bottom, right = window
    t = georef.transform or Affine.identity()
    place = geopandas.GeoSeries([box(left, top, right, bottom)]).affine_transform([t.a, t.b, t.d, t.e, t.c, t.f])
    bounds = tuple(place.total_bounds)
    with quiet(UserWarning, "More than one layer"):
        if kind == "Parquet":
            frame = geopandas.read_parquet(path, bbox=bounds)
        else:
            frame = geopandas.read_file(path, engine="pyogrio", bbox=bounds, rows=rows)
    return frame[frame.intersects(place.iloc[0])].head(rows)


def _drawable(shape: Any) -> Any:
    """`shape` with no more corners than a browser draws with ease: in steps of a pixel, 4, 16 ... if it has more."""
    import shapely

    tolerance, simple = 1.0, shape
    while shapely.get_num_coordinates(simple) > MOST_CORNERS:
        simple, tolerance = shape.simplify(tolerance), tolerance * 4
    return simple


def _plain(value: Any) -> Any:
    """A value that JSON knows."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
