"""Samples in files: a GeoPackage with a point for each unit, and a table that remembers how they were drawn.

The layer ``sample`` is what people label; ``design`` has a row for each stratum. Without the latter nobody could tell
how likely a point was to be drawn, and nothing could be estimated.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import LabelError
from geoglm.io.styles import sample_style
from geoglm.types import GeoRef, LandClass

POINTS, DESIGN = "sample", "design"


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """How a sample was drawn.

    Args:
        strata: names.
        sizes: ``(stratum,)`` pixels of the map in each.
    """

    strata: tuple[str, ...]
    sizes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPoints:
    """Sampled units as they come back from labelling.

    Args:
        design: None where the file does not say how it was drawn.
        stratum: ``(unit,)`` places among the strata of the design; all 0 without one.
        reference: names, None for a unit that nobody labelled.
        rows, cols: ``(unit,)`` float64 pixel coordinates on the grid that was asked for.
    """

    design: Design | None
    stratum: NDArray[np.int64]
    reference: tuple[str | None, ...]
    rows: NDArray[np.float64]
    cols: NDArray[np.float64]


def write_sample(
    path: Path,
    units: list[tuple[int, int, int]],
    design: Design,
    georef: GeoRef,
    *,
    classes: tuple[LandClass, ...],
) -> None:
    """Write stratum, row and column of each of `units` as points at pixel centres, unlabelled, with a QGIS form.

    Args:
        classes: that QGIS offers for labelling.
    """
    import geopandas
    import pandas as pd
    import shapely
    from affine import Affine

    transform = georef.transform or Affine.identity()
    stratum, rows, cols = np.array(units, np.int64).reshape(-1, 3).T
    at: Any = (cols + 0.5, rows + 0.5)
    x, y = transform @ at
    frame = geopandas.GeoDataFrame(
        {
            "unit": np.arange(1, len(units) + 1),
            "stratum": [design.strata[k] for k in stratum],
            "row": rows,
            "col": cols,
            "reference": pd.Series([None] * len(units), dtype=object),
        },
        geometry=shapely.points(x, y),
        crs=georef.crs,
    )
    table = pd.DataFrame(
        {
            "stratum": list(design.strata),
            "pixels": design.sizes,
            "units": np.bincount(stratum, minlength=len(design.strata)),
        }
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")  # said to the user by then
        frame.to_file(path, driver="GPKG", layer=POINTS, engine="pyogrio")
    from pyogrio import write_dataframe

    write_dataframe(table, path, driver="GPKG", layer=DESIGN, append=True)
    path.with_suffix(".qml").write_text(sample_style(classes), encoding="utf-8")


def read_sample(path: Path, georef: GeoRef, *, field: str) -> LabelledPoints:
    """The points of a labelled sample on a grid.

    Raises:
        LabelError: the file cannot be read, holds no points, or lacks the `field`.
    """
    import geopandas
    from affine import Affine
    from pyogrio import list_layers, read_dataframe
    from pyogrio.errors import DataSourceError

    if not path.exists():
        raise LabelError(f"{path}: no such file; geoglm sample makes one")
    try:
        layers = [str(n) for n in list_layers(path)[:, 0]]
        frame = read_dataframe(path, layer=POINTS if POINTS in layers else layers[0])
        table = read_dataframe(path, layer=DESIGN) if DESIGN in layers else None
    except (DataSourceError, IndexError) as error:
        raise LabelError(f"{path}: cannot be read as points: {' '.join(str(error).split())}") from error
    if not isinstance(frame, geopandas.GeoDataFrame) or not len(frame) or set(frame.geom_type) != {"Point"}:
        raise LabelError(f"{path}: holds no points; geoglm sample makes a file of points to label")
    if field not in frame.columns:
        have = ", ".join(c for c in frame.columns if c != "geometry")
        raise LabelError(f"{path}: has no field {field!r}, but {have}; --field says which holds the reference class")
    if georef.crs is not None and frame.crs is not None:
        frame = frame.to_crs(georef.crs)
    inverse = ~(georef.transform or Affine.identity())
    at: Any = (frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy())
    cols, rows = inverse @ at
    words = frame[field].fillna("").astype(str).str.strip()
    reference = tuple(w or None for w in words)
    if table is None or "stratum" not in frame.columns:
        return LabelledPoints(None, np.zeros(len(frame), np.int64), reference, rows, cols)
    strata = tuple(str(s) for s in table["stratum"])
    if strange := sorted(set(frame["stratum"].astype(str)) - set(strata)):
        raise LabelError(f"{path}: stratum {strange[0]!r} of the points is not in the table {DESIGN!r}")
    place = np.array([strata.index(str(s)) for s in frame["stratum"]], np.int64)
    return LabelledPoints(Design(strata, table["pixels"].to_numpy(np.int64)), place, reference, rows, cols)
