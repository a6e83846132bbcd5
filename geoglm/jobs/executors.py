"""Running shards: dask's threads on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from geoglm.tiling.shards import Shard


def run_shards(shards: Sequence[Shard], work: Callable[[Shard], None], *, workers: int) -> None:
    """Call `work` once for every shard, in order, on so many threads. The first exception ends it."""
    if len(shards) == 1:
        work(shards[0])  # without dask, whose import takes longer than a small scene
        return
    import dask
    from dask.threaded import get

    # numbers, since dask would take a shard apart in search of tasks; of tasks alike it begins with the last by name
    task = dask.delayed(lambda number: work(shards[number]), pure=False)
    tasks = [task(k, dask_key_name=f"shard {len(shards) - k:09d}") for k in range(len(shards))]
    dask.compute(*tasks, scheduler=get, num_workers=workers, optimize_graph=False)
