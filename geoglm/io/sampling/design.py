"""How a sample was drawn, as tables of its GeoPackage: without them nothing could be estimated from the points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import LabelError
from geoglm.types import GeoRef, PixelBox

if TYPE_CHECKING:
    import pandas as pd

DESIGN, BLOCKS = "design", "blocks"
"""Layers: a row for each stratum; a square for each drawn block."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnBlocks:
    """The blocks of a sample in two stages.

    Args:
        there: ``(stratum,)`` blocks that there are in each stratum.
        stratum: ``(block,)`` place of each drawn block's stratum.
        pixels: ``(block,)`` pixels with a class in each drawn block.
    """

    there: NDArray[np.int64]
    stratum: NDArray[np.int64]
    pixels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """How a sample was drawn.

    Args:
        strata: names.
        sizes: ``(stratum,)`` pixels of the map in each.
        blocks: that were drawn first; None where pixels were drawn from the strata themselves.
        units: ``(stratum,)`` that were drawn from each; None where the file does not say so.
    """

    strata: tuple[str, ...]
    sizes: NDArray[np.int64]
    blocks: DrawnBlocks | None = None
    units: NDArray[np.int64] | None = None


def write_design(path: Path, design: Design, stratum: NDArray[np.int64]) -> None:
    """Append the table of strata.

    Args:
        stratum: ``(unit,)`` place of each unit's stratum.
    """
    import pandas as pd
    from pyogrio import write_dataframe

    rows = {
        "stratum": list(design.strata),
        "pixels": design.sizes,
        "units": np.bincount(stratum, minlength=len(design.strata)),
    }
    if design.blocks is not None:
        rows["blocks"] = design.blocks.there
        rows["drawn_blocks"] = np.bincount(design.blocks.stratum, minlength=len(design.strata))
    write_dataframe(pd.DataFrame(rows), path, driver="GPKG", layer=DESIGN, append=True)


def write_blocks(
    path: Path, strata: Sequence[str], blocks: DrawnBlocks, boxes: Sequence[PixelBox], georef: GeoRef
) -> None:
    """Append the outlines of the drawn blocks, numbered from 1."""
    import geopandas
    import shapely
    from affine import Affine

    transform = georef.transform or Affine.identity()
    corners: list[Any] = [((b.left, b.top), (b.right, b.top), (b.right, b.bottom), (b.left, b.bottom)) for b in boxes]
    frame = geopandas.GeoDataFrame(
        {
            "block": np.arange(1, len(boxes) + 1),
            "stratum": [strata[k] for k in blocks.stratum],
            "pixels": blocks.pixels,
        },
        geometry=[shapely.Polygon([transform @ c for c in four]) for four in corners],
        crs=georef.crs,
    )
    frame.to_file(path, driver="GPKG", layer=BLOCKS, engine="pyogrio", mode="a")


def read_design(
    path: Path, layers: Sequence[str], points: pd.DataFrame
) -> tuple[Design, NDArray[np.int64], NDArray[np.int64]] | None:
    """How the points were drawn, the place of each one's stratum, and of each one's block (all 0 without blocks).

    Returns:
        None where the file does not say how its points were drawn.

    Raises:
        LabelError: it says so in part only, or contradicts itself.
    """
    from pyogrio import read_dataframe

    table = read_dataframe(path, layer=DESIGN) if DESIGN in layers else None
    squares = read_dataframe(path, layer=BLOCKS, read_geometry=False) if BLOCKS in layers else None
    in_blocks = squares is not None or (table is not None and "blocks" in table.columns)
    if not in_blocks and (table is None or "stratum" not in points.columns):
        return None
    _require(path, "sample", points, ("stratum", "block") if in_blocks else ("stratum",))
    strata = _require(path, DESIGN, table, ("stratum", "pixels", "blocks") if in_blocks else ("stratum", "pixels"))
    names = tuple(str(s) for s in strata["stratum"])
    sizes = strata["pixels"].to_numpy(np.int64)
    stratum = _places(path, "stratum", points["stratum"].astype(str), names)
    units = strata["units"].to_numpy(np.int64) if "units" in strata.columns else None
    if units is not None:
        _check_added(path, names, units, np.bincount(stratum, minlength=len(names)))
    if not in_blocks:
        return Design(names, sizes, units=units), stratum, np.zeros(len(points), np.int64)
    drawn = _require(path, BLOCKS, squares, ("block", "stratum", "pixels"))
    block = _places(path, "block", points["block"].astype(str), tuple(drawn["block"].astype(str)))
    within = _places(path, "stratum", drawn["stratum"].astype(str), names)
    blocks = DrawnBlocks(strata["blocks"].to_numpy(np.int64), within, drawn["pixels"].to_numpy(np.int64))
    return Design(names, sizes, blocks, units), stratum, block


def _check_added(path: Path, names: Sequence[str], drawn: NDArray[np.int64], there: NDArray[np.int64]) -> None:
    """Refuse points that were not drawn: copies, or such as somebody has added by hand."""
    if len(added := np.flatnonzero(there > drawn)):
        k = int(added[0])
        raise LabelError(
            f"{path}: has {there[k]} points of stratum {names[k]}, of which {drawn[k]} were drawn; take out what was "
            "copied or added"
        )


def _require(path: Path, layer: str, table: pd.DataFrame | None, columns: Sequence[str]) -> pd.DataFrame:
    """The table, which must be there with all `columns`."""
    if table is None:
        raise LabelError(f"{path}: a sample in blocks whose layer {layer!r} is missing; {_WAY_OUT}")
    if missing := [c for c in columns if c not in table.columns]:
        raise LabelError(f"{path}: the layer {layer!r} has no column {missing[0]!r}; {_WAY_OUT}")
    return table


_WAY_OUT = "without it nobody knows how likely a point was to be drawn: label the file that geoglm sample wrote"


def _places(path: Path, what: str, found: pd.Series[str], known: tuple[str, ...]) -> NDArray[np.int64]:
    """The place of each name among the known ones."""
    place = {name: k for k, name in enumerate(known)}
    if strange := sorted(set(found) - set(known)):
        raise LabelError(f"{path}: {what} {strange[0]!r} is not in the table of those that were drawn")
    return np.array([place[name] for name in found], np.int64)
