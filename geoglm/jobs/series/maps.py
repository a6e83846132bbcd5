"""The maps of a series: smoothed block by block, each compressed once and kept, and put together into COGs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.io.blocks import Place, Plane, gathered, pack
from geoglm.io.cog import Layer, classes_layer, write_cog
from geoglm.io.journal import Stage
from geoglm.io.pyramid import Gathered
from geoglm.io.quicklook import viridis
from geoglm.jobs.change.maps import NO_CHANGE
from geoglm.jobs.series.seen import Seen
from geoglm.stats.area import class_counts
from geoglm.stats.series.smooth import first_change, flips, smooth
from geoglm.types import INVALID, LandClass, PixelBox, SceneMeta

OPEN_BLOCKS = 64
"""Blocks whose files are open at a time while maps are put together."""


def first_legend(days: Sequence[str]) -> tuple[LandClass, ...]:
    """No change, and the dates on which a change may first be seen, from dark to light."""
    shades = viridis(np.linspace(0, 100, max(len(days) - 1, 2)).astype(np.uint8))
    later = [LandClass(k, day, "#" + bytes(shades[k - 1]).hex()) for k, day in enumerate(days[1:], 1)]
    return NO_CHANGE, *later


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What was counted, row by row, so that pixels of any area can be added up.

    Args:
        alone: ``(row, date, class)`` pixels as each date was seen by itself.
        smoothed: ``(row, date, class)`` pixels in the light of all dates.
        first: ``(row, date)`` pixels that first changed on a date; those that never did at date 0.
        flips: changes from a date to the next, of the dates by themselves and smoothed.
    """

    alone: NDArray[np.int64]
    smoothed: NDArray[np.int64]
    first: NDArray[np.int64]
    flips: tuple[int, int]


class SeriesMaps:
    """See the module.

    Args:
        grid: of the series.
        seen: what the dates say.
        change: ``(gap,)`` probability of a change from each date to the next, beforehand.
        neighbours: weight of each neighbour of a pixel, see `geoglm.stats.series.smooth.smooth`.
        days: of the dates, as they are written.
        stage: where blocks and drafts are kept.
        block_px: side of a block.
    """

    def __init__(
        self,
        grid: SceneMeta,
        seen: Seen,
        change: NDArray[np.float64],
        days: Sequence[str],
        stage: Stage,
        *,
        neighbours: float,
        block_px: int,
    ) -> None:
        self.grid, self.seen, self.change, self.days, self.stage = grid, seen, change, days, stage
        self.neighbours = neighbours
        self.side, self.blocks = block_px, list(grid.box.blocks(block_px))
        self.first_legend = first_legend(days)
        self._values = np.full(256, INVALID, np.uint8)
        self._values[: len(seen.legend)] = [c.value for c in seen.legend]
        self.layers = {f"classes-{d}": classes_layer(seen.legend) for d in days}
        self.layers |= {f"confidence-{d}": Layer(("confidence",), "average", scale=0.01) for d in days}
        self.layers["first-change"] = classes_layer(self.first_legend)
        self._parts = lru_cache(OPEN_BLOCKS)(lambda top, left: stage.load_shard(self._name(top, left)))

    @property
    def left(self) -> list[PixelBox]:
        """Blocks that no earlier run has finished."""
        return [b for b in self.blocks if not self.stage.has_shard(self._name(b.top, b.left))]

    def work(self, box: PixelBox) -> None:
        """Smooth a block and keep it: from here on it is finished."""
        wide = PixelBox(box.top - 1, box.left - 1, box.bottom + 1, box.right + 1).clip(self.grid.box)
        dates, inside = [self.seen.read(k, wide) for k in range(len(self.days))], (slice(None), *box.within(wide))
        smoothed = smooth(dates, self.change, wide.shape, neighbours=self.neighbours)
        alone = np.stack([d.places.reshape(wide.shape) for d in dates])[inside]
        made, percent = smoothed.places[inside], smoothed.percent[inside]
        first = first_change(made)
        bands = dict(zip(self.layers, (*self._values[made], *percent, first), strict=True))
        parts = {
            "alone": self._counted(alone).tobytes(),
            "smoothed": self._counted(made).tobytes(),
            "first": class_counts(first, range(len(self.days))).tobytes(),
            "flips": np.array([flips(alone), flips(made)], np.int64).tobytes(),
        }
        for name, layer in self.layers.items():
            parts |= pack(layer.planes(name)[0], bands[name], box, self.grid.box)
        self.stage.save_shard(self._name(box.top, box.left), parts)

    def _name(self, top: int, left: int) -> str:
        return f"{self.seen.source}-{self.side}-{top}-{left}"

    def _counted(self, places: NDArray[np.uint8]) -> NDArray[np.int32]:
        """``(row, date, class)`` pixels of a block."""
        return np.stack([class_counts(p, range(len(self.seen.legend))) for p in places], axis=1)

    def write(self, progress: Callable[[int, int], None], *, workers: int) -> None:
        """Put all maps together."""
        for number, (name, layer) in enumerate(self.layers.items(), 1):
            block = partial(self._block, layer.planes(name)[0])
            write_cog(self.path(name), self.grid.box.shape, self.grid.georef, layer, block, workers=workers)
            progress(number * self.grid.box.area, len(self.layers) * self.grid.box.area)

    def _block(self, plane: Plane, band: int, place: Place) -> Gathered:
        top, left = (n // self.side * self.side for n in (place.box.top, place.box.left))
        whole = PixelBox(top, left, top + self.side, left + self.side).clip(self.grid.box)
        return gathered(plane, place, {whole: self._parts(top, left)})

    def forget(self) -> None:
        """Open blocks anew: some are to be made again."""
        self._parts.cache_clear()

    def path(self, name: str) -> Path:
        """The draft of a map."""
        return self.stage.drafts / f"{name}.tif"

    def counts(self) -> Counts:
        """Over all blocks."""
        rows, dates, kinds = self.grid.height, len(self.days), len(self.seen.legend)
        alone, smoothed = np.zeros((rows, dates, kinds), np.int64), np.zeros((rows, dates, kinds), np.int64)
        first, flipped = np.zeros((rows, dates), np.int64), np.zeros(2, np.int64)
        for box in self.blocks:
            parts, there = self._parts(box.top, box.left), slice(box.top, box.bottom)
            for total, name in ((alone, "alone"), (smoothed, "smoothed"), (first, "first")):
                total[there] += np.frombuffer(parts[name], np.int32).reshape(box.height, *total.shape[1:])
            flipped += np.frombuffer(parts["flips"], np.int64)
        return Counts(alone, smoothed, first, (int(flipped[0]), int(flipped[1])))
