"""Running shards: dask's threads on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import dask

from geoglm.tiling.shards import Shard


def run_shards(shards: Iterable[Shard], work: Callable[[Shard], None], *, workers: int) -> None:
    """Call `work` once for every shard, on so many threads. The first exception ends it."""
    tasks = [dask.delayed(work, pure=False)(shard) for shard in shards]
    dask.compute(*tasks, scheduler="threads", num_workers=workers, optimize_graph=False)
