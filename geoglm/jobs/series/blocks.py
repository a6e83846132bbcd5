"""Blocks of a scene worked on by threads, as many as fit into the memory together."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from geoglm.jobs.budget import squares_within
from geoglm.jobs.stopping import in_hand, patiently
from geoglm.types import PixelBox


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a scene is worked on.

    Args:
        workers: threads.
        side_px: of the blocks they are given.
    """

    workers: int
    side_px: int

    @classmethod
    def within(cls, memory: int, bytes_px: int, *, workers: int, side_px: int) -> Self:
        """As many threads as there are cores, or fewer.

        Args:
            memory: budget in bytes.
            bytes_px: what a thread holds for a pixel of its block.
            workers: threads asked for; 0 for one per core.
            side_px: side asked for; 0 for what fits.

        Raises:
            PlanError: not even one fits.
        """
        return cls(*squares_within(memory, bytes_px, workers=workers, side_px=side_px, what="this series"))

    def run(
        self, blocks: Sequence[PixelBox], work: Callable[[PixelBox], None], progress: Callable[[int, int], None]
    ) -> None:
        """Call `work` once for every block. The first exception ends it, as a signal does, when no thread is at work.

        Raises:
            Stopped: a signal came.
        """
        done, total = 0, sum(b.area for b in blocks)
        # rasterio mutes this warning around arrays of its own, which does not hold where several threads do so
        with warnings.catch_warnings(), patiently(), ThreadPoolExecutor(self.workers) as pool, in_hand(work) as one:
            warnings.filterwarnings("ignore", message="Dataset has no geotransform")
            for box, _ in zip(blocks, pool.map(one, blocks), strict=True):
                done += box.area
                progress(done, total)
