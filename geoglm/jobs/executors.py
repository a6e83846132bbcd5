"""Running shards: dask's threads on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dask

from geoglm.tiling.shards import Shard


def run_shards(shards: Sequence[Shard], work: Callable[[Shard], None], *, workers: int) -> None:
    """Call `work` once for every shard, on so many threads. The first exception ends it."""
    # numbers, since dask would take a shard apart in search of tasks
    task = dask.delayed(lambda number: work(shards[number]), pure=False)
    tasks = [task(number) for number in range(len(shards))]
    dask.compute(*tasks, scheduler="threads", num_workers=workers, optimize_graph=False)
