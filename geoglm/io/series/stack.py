"""Many scenes of one place, brought onto one grid: where all have been, and nothing beyond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rasterio.enums import Resampling

from geoglm.errors import SceneMismatch
from geoglm.io.change.scene_pair import COARSER, meeting, whole_offset
from geoglm.io.regrid import Part, Regridded
from geoglm.io.source import Source
from geoglm.types import PixelBox, SceneMeta


@dataclass(frozen=True, slots=True)
class Stack:
    """The grid of a series.

    Args:
        grid: of the common pixels: those of the coarsest scene, of the first where they are alike.
        onto: number of the scene whose pixels they are.
        box: the common pixels in those of that scene.
        resampled: which scenes have other pixels.
        notes: what the user should know.
    """

    grid: SceneMeta
    onto: int
    box: PixelBox
    resampled: tuple[bool, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, scenes: Sequence[Source]) -> Stack:
        """Find the pixels that scenes have in common.

        Raises:
            SceneMismatch: they do not all meet, or do not say how they lie to each other.
        """
        metas = [s.meta for s in scenes]
        known = {(m.georef.transform is not None, m.georef.crs is not None) for m in metas}
        if len(known) > 1 or (False, False) in known or (False, True) in known:
            return cls._pixel_to_pixel(metas)
        onto = 0
        for number, meta in enumerate(metas):
            if (meta.gsd or 1.0) > COARSER * (metas[onto].gsd or 1.0):
                onto = number
        own = metas[onto]
        box = own.box
        for meta in metas:
            there = meeting(own, meta)
            if min(box.bottom, there.bottom) <= max(box.top, there.top) or (
                min(box.right, there.right) <= max(box.left, there.left)
            ):
                raise SceneMismatch(f"{meta.name} does not overlap what the other scenes have in common; leave it out")
            box = box.clip(there)
        others = tuple(whole_offset(own, m) is None for m in metas)
        names = [m.name for m, other in zip(metas, others, strict=True) if other]
        note = f"{', '.join(names)}: brought to the pixels of {own.name}, which are those of the coarsest scene"
        return cls(Part(scenes[onto], box).meta, onto, box, others, (note,) if names else ())

    @classmethod
    def _pixel_to_pixel(cls, metas: Sequence[SceneMeta]) -> Stack:
        first = metas[0]
        for meta in metas:
            if meta.box != first.box:
                raise SceneMismatch(
                    f"{first.name} is {first.width} x {first.height} px and {meta.name} {meta.width} x {meta.height}, "
                    "and not all scenes say where they lie; georeference them, or cut them to the same size"
                )
        placed = {m.georef.transform is not None for m in metas}
        note = ("not all scenes say where they lie: they are taken pixel to pixel",) if len(placed) > 1 else ()
        best = next((k for k, m in enumerate(metas) if m.georef.is_complete), 0)
        return cls(metas[best], best, first.box, (False,) * len(metas), note)

    def align(self, source: Source, *, kernel: Resampling) -> Source:
        """One of the scenes, or a map of it, in the common pixels; resampled only where they are not its own."""
        if self.grid.georef.transform is None or source.meta.georef.transform is None:
            return source
        offset = whole_offset(self.grid, source.meta)
        if offset is None:
            return Regridded(source, self.grid.georef, self.grid.box.shape, gsd=self.grid.gsd, kernel=kernel)
        rows, cols = offset
        return Part(source, PixelBox(rows, cols, rows + self.grid.height, cols + self.grid.width))
