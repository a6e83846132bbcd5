"""Blocks of a scene worked on by threads, a few at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from geoglm.types import PixelBox


def for_blocks(
    blocks: Sequence[PixelBox], work: Callable[[PixelBox], None], *, workers: int, progress: Callable[[int, int], None]
) -> None:
    """Call `work` once for every block, on so many threads. The first exception ends it."""
    done, total = 0, sum(b.area for b in blocks)
    # rasterio mutes this warning around arrays of its own, which does not hold where several threads do so at a time
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        warnings.filterwarnings("ignore", message="Dataset has no geotransform")
        try:
            for box, _ in zip(blocks, pool.map(work, blocks), strict=True):
                done += box.area
                progress(done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
