"""The values that flow through the house: boxes, georeferencing, scene facts, classes, scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from affine import Affine
from numpy.typing import NDArray

INVALID = 255
"""Value of a pixel that has no class (no data there) in every map geoglm makes."""


@dataclass(frozen=True, slots=True, order=True)
class PixelBox:
    """Half-open rectangle of pixels: rows ``[top, bottom)``, columns ``[left, right)``."""

    top: int
    left: int
    bottom: int
    right: int

    def __post_init__(self) -> None:
        if self.bottom <= self.top or self.right <= self.left:
            raise ValueError(f"empty box {self.top}:{self.bottom}, {self.left}:{self.right}")

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    @property
    def area(self) -> int:
        """Pixels."""
        return self.height * self.width

    def within(self, outer: PixelBox) -> tuple[slice, slice]:
        """Index of this box in an array that covers `outer`."""
        return (
            slice(self.top - outer.top, self.bottom - outer.top),
            slice(self.left - outer.left, self.right - outer.left),
        )

    def clip(self, outer: PixelBox) -> Self:
        """The part of this box inside `outer`; the two must meet."""
        return type(self)(
            max(self.top, outer.top),
            max(self.left, outer.left),
            min(self.bottom, outer.bottom),
            min(self.right, outer.right),
        )

    def blocks(self, side_px: int) -> Iterator[Self]:
        """This box in blocks of at most `side_px` a side, row by row."""
        for top in range(self.top, self.bottom, side_px):
            for left in range(self.left, self.right, side_px):
                yield type(self)(top, left, min(top + side_px, self.bottom), min(left + side_px, self.right))


@dataclass(frozen=True, slots=True)
class ControlPoint:
    """A ground control point: pixel (row, col) lies at (x, y, z)."""

    row: float
    col: float
    x: float
    y: float
    z: float = 0.0


@dataclass(frozen=True, slots=True)
class GeoRef:
    """Where the pixels lie on the ground, carried over from input to output unchanged.

    Args:
        transform: affine map from (col, row) to (x, y); None where the file has none.
        crs: coordinate reference system as WKT; None where unknown.
        gcps: ground control points, in `gcps_crs`.
        rpcs: rational polynomial coefficients, as GDAL's RPC metadata.
    """

    transform: Affine | None = None
    crs: str | None = None
    gcps: tuple[ControlPoint, ...] = ()
    gcps_crs: str | None = None
    rpcs: tuple[tuple[str, str], ...] = ()

    @property
    def is_complete(self) -> bool:
        """True where both transform and CRS are known."""
        return self.transform is not None and self.crs is not None

    def lacks(self) -> str | None:
        """One line on what is missing and what follows from it, or None."""
        if self.is_complete:
            return None
        if self.transform is None and self.gcps:
            return (
                "the scene has ground control points but no transform: they are carried over, polygons are in "
                "pixel coordinates and areas in pixels; gdalwarp it first for map coordinates"
            )
        if self.transform is None and self.rpcs:
            return (
                "the scene has RPCs but no transform: they are carried over, polygons are in pixel coordinates "
                "and areas in pixels; orthorectify it first (gdalwarp -rpc) for map coordinates"
            )
        if self.transform is None:
            return "the scene has no georeferencing: polygons are in pixel coordinates and areas in pixels"
        return "the scene has no CRS: areas are in pixels; gdal_edit.py -a_srs EPSG:... adds one"


@dataclass(frozen=True, slots=True)
class SceneMeta:
    """What a raster says of itself, before any pixel is read.

    Args:
        name: file name without suffix, or a name given to data in memory.
        height, width: rows and columns.
        dtype: NumPy name of the pixel type.
        bands: names of the data bands, in order, an alpha band left out; empty strings where unnamed.
        nodata: nodata value of each data band, None where it has none.
        gsd: ground sample distance in metres, None where unknown.
        georef: where it lies.
        block: rows and columns of the file's own blocks.
        mask: where validity is written: any of ``nodata``, ``mask``, ``alpha``.
        driver: GDAL driver, or ``memory``.
        units: scale and offset of each data band, value · scale + offset being what it stands for; empty where the
            file says nothing of the kind.
        product: what the file says of the product it comes from: tags by name, and its path as ``path``.
    """

    name: str
    height: int
    width: int
    dtype: str
    bands: tuple[str, ...]
    nodata: tuple[float | None, ...]
    gsd: float | None
    georef: GeoRef
    block: tuple[int, int] = (256, 256)
    mask: tuple[str, ...] = ()
    driver: str = "memory"
    units: tuple[tuple[float, float], ...] = ()
    product: tuple[tuple[str, str], ...] = ()

    @property
    def box(self) -> PixelBox:
        """The whole scene."""
        return PixelBox(0, 0, self.height, self.width)


@dataclass(frozen=True, slots=True)
class LandClass:
    """One class of a map: its value in the raster, its name and its colour (``#rrggbb``)."""

    value: int
    name: str
    colour: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour as three bytes."""
        red, green, blue = bytes.fromhex(self.colour.removeprefix("#"))
        return red, green, blue


@dataclass(frozen=True, slots=True)
class Scores:
    """What a network says of a box of pixels.

    Args:
        classes: ``(y, x)`` uint8 class values, 255 where invalid.
        confidence: ``(y, x)`` uint8, probability of that class in percent, 255 where invalid.
        probabilities: ``(class, y, x)`` uint8 percent, 255 where invalid; None unless asked for.
        doubts: layers of uncertainty by name, each ``(y, x)`` uint8 percent, 255 where invalid; those asked for.
        views: what each tile of the box makes of all it reads, its halo included: where, and ``(y, x)`` uint8 class
            values, 255 where invalid; only where disagreement is asked for.
    """

    classes: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    probabilities: NDArray[np.uint8] | None = None
    doubts: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    views: tuple[tuple[PixelBox, NDArray[np.uint8]], ...] = ()

    @classmethod
    def nothing(cls, shape: tuple[int, int], *, classes: int | None = None, doubts: Sequence[str] = ()) -> Self:
        """Scores of a box without a valid pixel; with probabilities of so many `classes` if given."""
        empty = np.full(shape, INVALID, np.uint8)
        layers = None if classes is None else np.full((classes, *shape), INVALID, np.uint8)
        return cls(empty, empty.copy(), layers, {name: empty.copy() for name in doubts})

    def masked(self, valid: NDArray[np.bool_]) -> Scores:
        """The same with 255 wherever `valid` is False."""
        layers = self.probabilities
        return Scores(
            np.where(valid, self.classes, np.uint8(INVALID)),
            np.where(valid, self.confidence, np.uint8(INVALID)),
            None if layers is None else np.where(valid, layers, np.uint8(INVALID)),
            {name: np.where(valid, layer, np.uint8(INVALID)) for name, layer in self.doubts.items()},
        )
