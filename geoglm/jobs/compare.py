"""A map laid over its labels, block by block: one that is made for it shard by shard, or one in files."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoglm.io.geotiff import RasterFile
from geoglm.io.labels import Labels
from geoglm.io.scratch import scratch_array
from geoglm.io.source import read_padded
from geoglm.jobs.executors import run_shards
from geoglm.jobs.network import predictor_of
from geoglm.jobs.plan import SegmentPlan
from geoglm.pixels.scale import network_dtype
from geoglm.stats.boundary import tolerance_at
from geoglm.stats.evaluation import Agreement
from geoglm.tiling.shards import Shard
from geoglm.types import INVALID, PixelBox, SceneMeta

BLOCK_PX = 1024
"""Side of the blocks that are compared, px."""

Layers = tuple[NDArray[np.uint8], NDArray[np.uint8] | None]
"""Class places ``(y, x)`` and, where it is known, confidence in whole percent; 255 for none in both."""


class Map(Protocol):
    """A map of classes that can be read in boxes."""

    def read(self, box: PixelBox) -> Layers:
        """The part of the map in `box`."""


@dataclass(frozen=True, slots=True)
class ScratchMap:
    """A map on disk that is thrown away, mapped into memory."""

    classes: NDArray[np.uint8]
    percent: NDArray[np.uint8]

    def read(self, box: PixelBox) -> Layers:
        """See `Map.read`."""
        place = np.s_[box.top : box.bottom, box.left : box.right]
        return self.classes[place], self.percent[place]


@dataclass(frozen=True, slots=True)
class FileMap:
    """A map in a file, with its confidence in another where there is one."""

    classes: Labels
    percent: RasterFile | None

    def read(self, box: PixelBox) -> Layers:
        """See `Map.read`."""
        if self.percent is None:
            return self.classes.read(box), None
        sure, valid = self.percent.read(box, [0])
        return self.classes.read(box), np.where(valid, sure[0], INVALID).astype(np.uint8)


def confidence_beside(path: Path, meta: SceneMeta) -> RasterFile | None:
    """The confidence that ``geoglm segment`` writes beside its ``classes.tif``."""
    beside = path.with_name("confidence.tif")
    if path.name != "classes.tif" or not beside.is_file():
        return None
    percent = RasterFile(beside)
    fits = percent.meta.box == meta.box and percent.meta.dtype == "uint8"
    return percent if fits else None


@contextmanager
def map_of(plan: SegmentPlan, labels: Labels, progress: Callable[[int, int], None]) -> Iterator[ScratchMap]:
    """Segment a scene where it has labels. What lies in shards without a label stays without a class.

    Args:
        labels: on the grid of the plan's scene.
        progress: called with the pixels done and to do.
    """
    with tempfile.TemporaryDirectory(prefix="geoglm-") as folder:
        scratch = ScratchMap(*(_empty(Path(folder) / f"{n}.npy", plan) for n in ("classes", "percent")))
        predictor = predictor_of(plan, layers=False)
        fill = plan.fill
        dtype = network_dtype(plan.source.meta.dtype)
        place = np.full(256, INVALID, np.uint8)
        place[list(predictor.values)] = np.arange(len(predictor.values))
        counting, done = threading.Lock(), 0

        def work(shard: Shard) -> None:
            nonlocal done
            if any((labels.read(b) != INVALID).any() for b in shard.box.blocks(BLOCK_PX)):
                pixels, valid = read_padded(plan.source, shard.read, plan.bands, fill=fill, dtype=dtype)
                scores = predictor.score(shard, pixels, valid)
                where = shard.box.within(plan.source.meta.box)
                scratch.classes[where], scratch.percent[where] = place[scores.classes], scores.confidence
            with counting:
                done += shard.box.area
                progress(done, plan.source.meta.box.area)

        run_shards(list(plan.layout), work, workers=plan.workers)
        yield scratch


def _empty(path: Path, plan: SegmentPlan) -> NDArray[np.uint8]:
    """An array in a file, so that a scene larger than memory is no matter; nowhere a class."""
    array: NDArray[np.uint8] = scratch_array(path, np.uint8, plan.source.meta.box.shape)
    for box in plan.source.meta.box.blocks(4096):
        array[box.within(plan.source.meta.box)] = INVALID
    return array


def compared(mapped: Map, labels: Labels, scene: PixelBox, *, classes: int, scale: float = 1.0) -> Agreement:
    """The agreement of a map with labels on the same grid; blocks overlap as far as outlines are looked for.

    Args:
        scale: pixels a side for each of the scene's own.
    """
    tolerance = tolerance_at(scale)
    total = Agreement.nothing(classes)
    for box in scene.blocks(BLOCK_PX):
        reach = tolerance + 1
        around = PixelBox(box.top - reach, box.left - reach, box.bottom + reach, box.right + reach).clip(scene)
        truth = labels.read(around)
        core = box.within(around)
        if (truth[core] < classes).any():
            found = mapped.read(around)
            total += Agreement.of(truth, *found, classes=classes, core=core, tolerance_px=tolerance)
    return total
