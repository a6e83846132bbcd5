"""Where shards are scored: threads of this process, processes on this machine, or a cluster; asked for or chosen."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psutil

from geoglm.errors import ClusterError
from geoglm.jobs.executors import run_shards
from geoglm.jobs.frugal import short_of_memory
from geoglm.jobs.scorer import ShardScorer
from geoglm.jobs.stopping import in_hand
from geoglm.options import SchedulerRule
from geoglm.tiling.shards import Shard
from geoglm.types import Scores

if TYPE_CHECKING:
    from distributed import Client

LOOK_S = 0.3
"""Seconds for which the load of a machine is watched."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A place for shards to be scored, and why this one.

    Args:
        where: in words, for the manifest.
        open: gives a client of its workers; None for threads of this process.
    """

    where: str
    open: Callable[[], AbstractContextManager[Client]] | None = None


def score_shards(
    scorer: ShardScorer,
    shards: Sequence[Shard],
    keep: Callable[[Shard, Scores], None],
    place: Workplace,
    loaded: Callable[[], None] = lambda: None,
) -> str:
    """Score `shards` at a place, and `keep` the scores of each in this process.

    Args:
        loaded: called when the network is ready; where shards are scored here, the first are read meanwhile.

    Returns:
        what computed them, as `Runtime.name`.

    Raises:
        ClusterError: the cluster cannot be reached or has failed.
        OutOfMemory: there is not enough of it for the plan.
        GeoglmError: whatever scoring raises.
    """
    if place.open is None:

        def work(shard: Shard) -> None:
            keep(shard, scorer.score(shard.row, shard.col))

        with short_of_memory(scorer.plan), ThreadPoolExecutor(1, "loading") as early, in_hand(work) as started:
            early.submit(scorer.load).add_done_callback(lambda _: loaded())
            run_shards(shards, started, workers=scorer.plan.workers)
            return scorer.load().runtime.name
    loaded()
    from geoglm.jobs.cluster import score_on_cluster

    with place.open() as client:
        return score_on_cluster(client, scorer, shards, keep)


def find_workplace(rule: SchedulerRule, *, threads: int, client: Client | None = None) -> Workplace:
    """The place that `rule` names, or the cluster of `client`.

    ``auto`` takes the cluster whose address dask is configured with (``DASK_SCHEDULER_ADDRESS``) where more threads are
    free there than here, by the load measured on every machine of it and on this one.

    Args:
        threads: that would work here.
    """
    if client is not None:
        return Workplace("the cluster of the client given", lambda: nullcontext(client))
    if rule.name == "processes":
        from geoglm.jobs.cluster import processes

        each = max(1, threads // rule.count)
        return Workplace(
            f"{rule.count} processes with {each} threads each, on this machine",
            partial(processes, rule.count, threads=each),
        )
    if rule.name == "cluster":
        from geoglm.jobs.cluster import connected

        return Workplace(f"the cluster at {rule.address}", partial(connected, rule.address))
    address = None
    if rule.name == "auto":
        import dask

        address = dask.config.get("scheduler-address", None)
    return _freer(str(address), threads) if address else Workplace("threads of this process")


def _freer(address: str, threads: int) -> Workplace:
    """The cluster at `address` or this process, whichever has more threads free."""
    from geoglm.jobs.cluster import connected

    here = free_threads(threads)
    try:
        with connected(address) as client:
            workers = client.nthreads()
            loads = client.run(machine_load)
    except ClusterError as error:
        return Workplace(f"threads of this process: {error}")
    there = sum(n * (1 - loads.get(w, 1.0)) for w, n in workers.items())
    told = f"{there:.1f} threads are free at {address}, {here:.1f} here"
    if there > here:
        return Workplace(f"the cluster: {told}", partial(connected, address))
    return Workplace(f"threads of this process: {told}")


def free_threads(threads: int) -> float:
    """How many of so many threads this machine has time for."""
    return min(threads, len(os.sched_getaffinity(0)) * (1 - machine_load()))


def machine_load() -> float:
    """Share of this machine's processors that is busy, 0 to 1, watched for a moment."""
    return float(psutil.cpu_percent(interval=LOOK_S)) / 100
