"""Samples in files: a GeoPackage with a point for each unit, and tables that remember how they were drawn.

The layer ``sample`` is what people label; see `geoglm.io.sampling.design` for the others.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import LabelError, SceneUnreadable
from geoglm.io.guard.trust import trust
from geoglm.io.guard.vectors import admitted_vectors
from geoglm.io.sampling.design import Design, read_design, write_blocks, write_design
from geoglm.io.styles import sample_style
from geoglm.types import GeoRef, LandClass, PixelBox

POINTS = "sample"


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Drawn pixels.

    Args:
        stratum: ``(unit,)`` places among the strata of the design.
        rows, cols: ``(unit,)`` pixels.
        block: ``(unit,)`` places among the drawn blocks; None where there are none.
    """

    stratum: NDArray[np.int64]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    block: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.stratum)

    def shuffled(self, seed: int) -> Units:
        """The same in another order, from which whoever labels them learns nothing."""
        order = np.random.default_rng(seed).permutation(len(self))
        return Units(
            self.stratum[order],
            self.rows[order],
            self.cols[order],
            None if self.block is None else self.block[order],
        )


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPoints:
    """Sampled units as they come back from labelling.

    Args:
        design: None where the file does not say how it was drawn.
        stratum, block: ``(unit,)`` places among the strata and drawn blocks of the design; all 0 without such.
        reference: names, None for a unit that nobody labelled.
        rows, cols: ``(unit,)`` float64 pixel coordinates on the grid that was asked for.
    """

    design: Design | None
    stratum: NDArray[np.int64]
    block: NDArray[np.int64]
    reference: tuple[str | None, ...]
    rows: NDArray[np.float64]
    cols: NDArray[np.float64]


def write_sample(
    path: Path,
    units: Units,
    design: Design,
    georef: GeoRef,
    *,
    classes: tuple[LandClass, ...],
    boxes: Sequence[PixelBox] = (),
) -> None:
    """Write `units` as points at pixel centres, unlabelled, with a QGIS form.

    Args:
        classes: that QGIS offers for labelling.
        boxes: of the drawn blocks, if there are any.
    """
    import geopandas
    import pandas as pd
    import shapely
    from affine import Affine

    transform = georef.transform or Affine.identity()
    at: Any = (units.cols + 0.5, units.rows + 0.5)
    x, y = transform @ at
    columns: dict[str, Any] = {"unit": np.arange(1, len(units) + 1)}
    if units.block is not None:
        columns["block"] = units.block + 1
    columns |= {
        "stratum": [design.strata[k] for k in units.stratum],
        "row": units.rows,
        "col": units.cols,
        "reference": pd.Series([None] * len(units), dtype=object),
    }
    frame = geopandas.GeoDataFrame(columns, geometry=shapely.points(x, y), crs=georef.crs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")  # said to the user by then
        frame.to_file(path, driver="GPKG", layer=POINTS, engine="pyogrio")
        if design.blocks is not None:
            write_blocks(path, design.strata, design.blocks, boxes, georef)
    write_design(path, design, units.stratum)
    path.with_suffix(".qml").write_text(sample_style(classes), encoding="utf-8")


def read_sample(path: Path, georef: GeoRef, *, field: str) -> LabelledPoints:
    """The points of a labelled sample on a grid.

    Raises:
        LabelError: the file cannot be read, holds no points, or lacks the `field`, or says in part only how they
            were drawn.
    """
    import geopandas
    from affine import Affine
    from pyogrio import list_layers, read_dataframe
    from pyogrio.errors import DataSourceError

    if not path.exists():
        raise LabelError(f"{path}: no such file; geoglm sample makes one")
    try:
        admitted_vectors(path, trust())
        layers = [str(n) for n in list_layers(path)[:, 0]]
        frame = read_dataframe(path, layer=POINTS if POINTS in layers else layers[0])
    except (DataSourceError, SceneUnreadable, ValueError, IndexError) as error:
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
    drawn = read_design(path, layers, frame)
    if drawn is None:
        nothing = np.zeros(len(frame), np.int64)
        return LabelledPoints(None, nothing, nothing, reference, rows, cols)
    design, stratum, block = drawn
    return LabelledPoints(design, stratum, block, reference, rows, cols)
