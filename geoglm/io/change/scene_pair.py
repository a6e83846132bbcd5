"""Two scenes of one place, brought onto one grid: where both have been, and nothing beyond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from affine import Affine
from pyproj import CRS, Transformer

from geoglm.errors import SceneMismatch
from geoglm.io.regrid import Part, Regridded
from geoglm.io.source import Source
from geoglm.stats.shift import Shift
from geoglm.types import GeoRef, PixelBox, SceneMeta

COARSER = 1.02
"""From this ratio of ground sample distances on, the coarser scene's grid is taken."""

WHOLE_PX = 0.02
"""How far from whole pixels two grids may lie apart and count as one, px."""


@dataclass(frozen=True, slots=True)
class ScenePair:
    """Two sources of the same shape, pixel upon pixel.

    Args:
        before, after: on one grid, where they overlap.
        resampled: which of the two has been resampled: ``before``, ``after``, or nothing.
        overlap: share of each scene's own extent that is judged, about: before, after.
        notes: what the user should know.
        wholes: the two as they were given.
    """

    before: Source
    after: Source
    resampled: str
    overlap: tuple[float, float]
    notes: tuple[str, ...]
    wholes: tuple[Source, Source]

    @classmethod
    def of(cls, before: Source, after: Source) -> ScenePair:
        """Bring two scenes onto one grid: that of the coarser one, of the first where they are alike.

        Raises:
            SceneMismatch: they do not meet, or do not say how they lie to each other.
        """
        first, second = before.meta, after.meta
        known = [m.georef.transform is not None for m in (first, second)]
        if not all(known) or (first.georef.crs is None) != (second.georef.crs is None):
            return cls._pixel_to_pixel(before, after)
        swapped = (second.gsd or 1.0) > COARSER * (first.gsd or 1.0)
        grid, other = (after, before) if swapped else (before, after)
        box = meeting(grid.meta, other.meta)
        ours, name = Part(grid, box), "before" if swapped else "after"
        offset = whole_offset(grid.meta, other.meta)
        if offset is not None:
            rows, cols = offset
            theirs: Source = Part(other, PixelBox(box.top + rows, box.left + cols, box.bottom + rows, box.right + cols))
            name = ""
        else:
            theirs = Regridded(other, ours.meta.georef, box.shape, gsd=grid.meta.gsd)
        one, two = (theirs, ours) if swapped else (ours, theirs)
        return cls(one, two, name, _shares(box, first, second), _told(first, second, name), (before, after))

    @classmethod
    def _pixel_to_pixel(cls, before: Source, after: Source) -> ScenePair:
        first, second = before.meta, after.meta
        if first.box != second.box:
            raise SceneMismatch(
                f"{first.name} is {first.width} x {first.height} px and {second.name} {second.width} x "
                f"{second.height}, and not both say where they lie; georeference both, or cut them to the same size"
            )
        note = (f"{first.name} and {second.name} do not both say where they lie: they are taken pixel to pixel",)
        both = first.georef.transform is None and second.georef.transform is None
        return cls(before, after, "", (1.0, 1.0), () if both else note, (before, after))

    def coregistered(self, shift: Shift) -> ScenePair:
        """The same with the second date moved back by `shift`; what was resampled before is so only once."""
        if self.resampled == "before":
            made = _moved(self.wholes[0], self.after.meta, (-shift.rows, -shift.cols))
            return replace(self, before=made)
        made = _moved(self.wholes[1], self.before.meta, (shift.rows, shift.cols))
        return replace(self, after=made, resampled="after")


def _moved(source: Source, onto: SceneMeta, by: tuple[float, float]) -> Regridded:
    """`source` on the grid of `onto`, moved back by rows and columns of it."""
    georef, shape = onto.georef, onto.box.shape
    if georef.transform is not None and source.meta.georef.transform is not None:
        return Regridded(source, georef, shape, gsd=onto.gsd, moved=by)
    made = Regridded(_nowhere(source), GeoRef(), shape, gsd=onto.gsd, moved=by)
    made.meta = replace(made.meta, georef=georef)
    return made


def _nowhere(source: Source) -> Source:
    """The same source without a place on the ground, so that pixel stands on pixel."""
    part = Part(source, source.meta.box)
    part.meta = replace(part.meta, georef=GeoRef())
    return part


def _crs(meta: SceneMeta) -> CRS | None:
    return None if meta.georef.crs is None else CRS.from_wkt(meta.georef.crs)


def _transform(meta: SceneMeta) -> Affine:
    return meta.georef.transform or Affine.identity()


def whole_offset(grid: SceneMeta, other: SceneMeta) -> tuple[int, int] | None:
    """Rows and columns to add to a pixel of `grid` for that of `other`; None where they are no whole pixels apart."""
    if _crs(grid) != _crs(other):
        return None
    between = ~_transform(other) @ _transform(grid)
    far = max(*grid.box.shape, *other.box.shape)
    straight = max(abs(between.a - 1), abs(between.e - 1), abs(between.b), abs(between.d)) * far
    rows, cols = round(between.f), round(between.c)
    apart = max(abs(between.f - rows), abs(between.c - cols))
    return (rows, cols) if straight + apart <= WHOLE_PX else None


def meeting(grid: SceneMeta, other: SceneMeta) -> PixelBox:
    """The pixels of `grid` around which `other` has any."""
    steps = np.linspace(0, 1, 33)
    edge = np.array([(u, v) for u in steps for v in (0, 1)] + [(v, u) for u in steps for v in (0, 1)])
    corners: Any = (edge[:, 0] * other.width, edge[:, 1] * other.height)
    x, y = _transform(other) @ corners
    own, theirs = _crs(grid), _crs(other)
    if own is not None and theirs is not None and own != theirs:
        x, y = Transformer.from_crs(theirs, own, always_xy=True).transform(x, y)
    corners = (np.asarray(x), np.asarray(y))
    cols, rows = ~_transform(grid) @ corners
    seen = np.isfinite(cols) & np.isfinite(rows)
    if seen.any():
        top, left = (int(np.floor(v[seen].min() + WHOLE_PX)) for v in (rows, cols))
        bottom, right = (int(np.ceil(v[seen].max() - WHOLE_PX)) for v in (rows, cols))
        if top < grid.height and left < grid.width and bottom > max(top, 0) and right > max(left, 0):
            return PixelBox(top, left, bottom, right).clip(grid.box)
    raise SceneMismatch(
        f"{grid.name} and {other.name} do not overlap; two dates of one place are needed, check the CRS of both"
    )


def _shares(box: PixelBox, *metas: SceneMeta) -> tuple[float, float]:
    """How much of each scene the common box is, by the pixels that it would be there."""
    finest = [m.gsd or 1.0 for m in metas]
    own = max(finest)
    first, second = (min(1.0, box.area * (own / g) ** 2 / m.box.area) for g, m in zip(finest, metas, strict=True))
    return first, second


def _told(first: SceneMeta, second: SceneMeta, resampled: str) -> tuple[str, ...]:
    """Lines on what was done to bring them together."""
    if not resampled:
        return ()
    names: Sequence[str] = (first.name, second.name) if resampled == "before" else (second.name, first.name)
    why = []
    if _crs(first) != _crs(second):
        why.append("CRS")
    if max(first.gsd or 1, second.gsd or 1) > COARSER * min(first.gsd or 1, second.gsd or 1):
        why.append(f"resolution ({first.gsd:.3g} m and {second.gsd:.3g} m)")
    told = " and ".join(why) or "grid"
    return (f"the scenes differ in {told}: {names[0]} was resampled to the pixels of {names[1]}",)
