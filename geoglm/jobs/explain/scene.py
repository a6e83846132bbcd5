"""Explaining a whole scene: how much less sure the model is of its map without each band, tile by tile."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import PlanError
from geoglm.infer.runtime import Runtime
from geoglm.io.source import Source, read_padded
from geoglm.jobs.executors import run_shards
from geoglm.jobs.explain.options import ExplainOptions
from geoglm.jobs.explain.record import Importance
from geoglm.jobs.network import frame_of, runtime_of
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.planning import make_plan
from geoglm.jobs.progress import Progress
from geoglm.pixels.scale import network_dtype
from geoglm.tiling.grid import Tile
from geoglm.tiling.shards import Shard, ShardLayout
from geoglm.types import PixelBox

CELLS = 256
"""Cells of the map along the longer side of the scene, unless their side is given."""

FINE = 2**20
"""Falls are added up in whole multiples of 1 / `FINE`, so that the sum does not depend on the order of tiles."""


def explain_scene(source: Source, options: ExplainOptions, progress: Progress) -> Importance:
    """By how much the mapped class is less likely, on average over each cell, when a band holds what counts as absent.

    Each tile is looked at once with all bands and once without each of them; memory is bounded by the plan's tiles.

    Raises:
        GeoglmError: scene, model and options do not fit together.
    """
    progress("loading the network", 0, 0)
    plan = make_plan(source, replace(options.plan_options(), probabilities=True))
    plan = replace(plan, layout=ShardLayout(plan.layout.grid, 1, 1), blend_px=0)
    work = _Scene(plan, _absent(plan, options), options.cell_px or -(-max(source.meta.box.shape) // CELLS))
    finished = 0

    def one(shard: Shard) -> None:
        nonlocal finished
        work.add(shard.tiles[0])
        with work.lock:
            finished += shard.box.area
            progress("leaving out bands", finished, source.meta.box.area)

    run_shards(list(plan.layout), one, workers=plan.workers)
    return work.found()


def _absent(plan: SegmentPlan, options: ExplainOptions) -> NDArray[np.float32]:
    """``(band,)`` values that count as absent: those given, or the mean of the scene at a glance."""
    card = plan.package.card
    if options.reference is not None:
        if len(options.reference) != len(card.bands):
            raise PlanError(f"reference has {len(options.reference)} values, {card.name} takes {len(card.bands)} bands")
        return np.asarray(options.reference, np.float32)
    pixels, valid = plan.source.preview(plan.bands, side_px=1024)
    return pixels[:, valid].mean(axis=1).astype(np.float32) if valid.any() else np.asarray(plan.fill, np.float32)


class _Scene:
    """Sums over the cells, to which tiles are added from any thread."""

    def __init__(self, plan: SegmentPlan, absent: NDArray[np.float32], cell_px: int) -> None:
        self.plan, self.cell = plan, cell_px
        meta, card = plan.source.meta, plan.package.card
        self.dtype = network_dtype(meta.dtype)
        self.absent = absent.round().astype(self.dtype) if self.dtype != "float32" else absent
        self.runtime: Runtime = runtime_of(plan, "float")
        self.frame = frame_of(plan)
        shape = -(-meta.height // cell_px), -(-meta.width // cell_px)
        self.sums, self.counts = np.zeros((len(card.bands), *shape), np.int64), np.zeros(shape, np.int64)
        self.lock = threading.Lock()

    def add(self, tile: Tile) -> None:
        """Look at a tile with and without each band, and add up what its core shows."""
        plan = self.plan
        pixels, valid = read_padded(plan.source, tile.read, plan.bands, fill=plan.fill, dtype=self.dtype)
        core = tile.core.within(tile.read)
        seen = valid[core]
        if not seen.any():
            return
        place = None if self.frame is None else self.frame.place(tile.read)[None]
        share = self._shares(pixels, place)[(..., *core)]
        best = share.argmax(axis=0)[None]
        sure = np.take_along_axis(share, best, axis=0)[0]
        for band, value in enumerate(self.absent):
            without = pixels.copy()
            without[band][valid] = value
            left = np.take_along_axis(self._shares(without, place)[(..., *core)], best, axis=0)[0]
            self._sum(self.sums[band], tile.core, np.where(seen, np.rint((sure - left) * FINE), 0).astype(np.int64))
        self._sum(self.counts, tile.core, seen.astype(np.int64))

    def _shares(self, pixels: NDArray[np.generic], place: NDArray[np.float32] | None) -> NDArray[np.float32]:
        (answer,) = self.runtime.infer(pixels[None], place)
        shares: NDArray[np.float32] = answer[0].astype(np.float32, copy=False)
        return shares

    def _sum(self, into: NDArray[np.int64], box: PixelBox, values: NDArray[np.int64]) -> None:
        """Add the pixels of `box` to the cells they lie in."""
        rows, cols = (np.arange(a, b) // self.cell for a, b in ((box.top, box.bottom), (box.left, box.right)))
        down, across = (np.flatnonzero(np.diff(i, prepend=-1)) for i in (rows, cols))
        summed = np.add.reduceat(np.add.reduceat(values, down, axis=0), across, axis=1)
        part = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        with self.lock:
            into[part] += summed

    def found(self) -> Importance:
        """The means."""
        plan, counts = self.plan, self.counts
        drops = np.where(counts > 0, self.sums / FINE / np.maximum(counts, 1), np.nan)
        total = max(int(counts.sum()), 1)
        card, meta = plan.package.card, plan.source.meta
        return Importance(
            scene=meta.name,
            model=f"{card.name} {card.version}",
            bands=card.bands,
            indices=plan.bands,
            absent=self.absent.astype(np.float64),
            cell_px=self.cell,
            drops=drops,
            mean=self.sums.sum(axis=(1, 2)) / FINE / total,
            notes=plan.notes,
        )
