"""Threads that compare: as many as there are cores, on squares of which all fit into the memory together."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from geoglm.jobs.budget import squares_within
from geoglm.jobs.change.options import ChangeOptions

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Threads:
    """How a scene is worked on.

    Args:
        workers: threads.
        side_px: of the squares they are given.
    """

    workers: int
    side_px: int

    @classmethod
    def within(cls, options: ChangeOptions, bytes_px: float) -> Self:
        """As many as there are cores, or fewer; each takes so many bytes for a pixel of its square.

        Raises:
            PlanError: not even one fits.
        """
        asked = {"workers": options.workers, "side_px": options.block_px}
        return cls(*squares_within(options.memory, bytes_px, **asked, what="this pair"))

    def map(self, items: Sequence[Item], work: Callable[[Item], Made]) -> list[Made]:
        """What `work` makes of every item, in their order."""
        with _pool(self.workers) as pool:
            return list(pool.map(work, items))

    def run(
        self, items: Sequence[Any], work: Callable[[Any], None], progress: Callable[[int, int], None], total: int
    ) -> None:
        """Call `work` once for every item, which has a `box`; pixels of those left out count as done."""
        done = total - sum(item.box.area for item in items)
        with _pool(self.workers) as pool:
            for item, _ in zip(items, pool.map(work, items), strict=True):
                done += item.box.area
                progress(done, total)


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """A pool that begins nothing more once something has failed."""
    # rasterio mutes this warning around arrays of its own, which does not hold where several threads do so at a time
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        warnings.filterwarnings("ignore", message="Dataset has no geotransform")
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
