"""Shards on dask.distributed: workers score them, in other processes or on other machines, and send the scores home.

A worker reads the scene by its path or URL and writes nothing, so no disk need be shared for the results. A shard whose
worker dies is scored again by another; one that fails is tried on others before the run gives up. The map is the same
as that of threads here, byte for byte, where the workers' CPUs compute in the same precision.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from geoglm.errors import ClusterError, GeoglmError, MissingExtra
from geoglm.io.parcel import pack_scores, unpack_scores
from geoglm.jobs.scorer import PackedScorer, ShardScorer
from geoglm.tiling.shards import Shard
from geoglm.types import Scores

if TYPE_CHECKING:
    from distributed import Client, Future

ATTEMPTS = 3
"""Workers that a failing shard is tried on."""

PATIENCE_S = 20
"""Seconds after which the cluster is asked whether it is still there, and which it gets to answer or grow a worker."""

GONE = "the dask scheduler is gone; the same command goes on from the finished shards when it is back"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker sends home: the packed scores of a shard, or why there are none, and who it is."""

    worker: str
    scores: bytes = b""
    runtime: str = ""
    error: Exception | None = None


def answer(scorer: PackedScorer, row: int, col: int) -> Answer:
    """Score one shard; runs on a worker."""
    from distributed import get_worker

    me = get_worker().address
    try:
        here = scorer.here()
        scores = here.score(row, col)
        return Answer(me, pack_scores(scores), here.load().runtime.name)
    except GeoglmError as error:
        return Answer(me, error=error)
    except Exception as error:  # whatever it is, the next worker may not have it: a full disk, a lost mount
        return Answer(me, error=ClusterError(f"worker {me}: {type(error).__name__}: {error}"))


def score_on_cluster(
    client: Client, scorer: ShardScorer, shards: Iterable[Shard], keep: Callable[[Shard, Scores], None]
) -> str:
    """Score `shards` on the workers of `client`, and `keep` the scores of each here as they come.

    No more shards are under way than twice the workers' threads, so that neither they nor their scores pile up.

    Returns:
        what computed them, as `Runtime.name`.

    Raises:
        GeoglmError: a shard failed on several workers (the error of the first), or the cluster is gone.
    """
    scorer_there = scorer.packed()
    waiting, under_way, runtime = iter(shards), _UnderWay(client), ""
    try:
        while True:
            for shard in islice(waiting, max(0, 2 * _threads(client) - len(under_way))):
                under_way.launch(scorer_there, shard)
            if not len(under_way):
                return f"{runtime} on a cluster"
            for shard, tried, got in under_way.finished():
                if got.error is None:
                    runtime = got.runtime
                    keep(shard, unpack_scores(got.scores))
                else:
                    under_way.again(scorer_there, shard, (*tried, got))
    finally:
        under_way.drop()


class _UnderWay:
    """Shards that workers have, and who has failed on them before."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.shards: dict[Future[Answer], tuple[Shard, tuple[Answer, ...]]] = {}

    def __len__(self) -> int:
        return len(self.shards)

    def launch(self, scorer: PackedScorer, shard: Shard, tried: tuple[Answer, ...] = ()) -> None:
        """Hand a shard to a worker that has not failed on it."""
        others = [w for w in self.client.nthreads() if w not in {t.worker for t in tried}] if tried else None
        future = self.client.submit(answer, scorer, shard.row, shard.col, pure=False, workers=others)
        self.shards[future] = shard, tried

    def again(self, scorer: PackedScorer, shard: Shard, tried: tuple[Answer, ...]) -> None:
        """Hand a shard that failed to another worker.

        Raises:
            GeoglmError: there is no other, or enough have failed.
        """
        others = set(self.client.nthreads()) - {t.worker for t in tried}
        if len(tried) >= ATTEMPTS or not others:
            raise tried[0].error or ClusterError(f"shard {shard.name} failed")
        self.launch(scorer, shard, tried)

    def finished(self) -> Iterator[tuple[Shard, tuple[Answer, ...], Answer]]:
        """Wait for at least one shard; those that are done, with those who failed before, and the answer.

        Raises:
            ClusterError: the scheduler is gone, no worker is left, or shards kill their workers.
        """
        from distributed import wait

        try:
            with self.client.as_current():
                done = wait(list(self.shards), return_when="FIRST_COMPLETED", timeout=PATIENCE_S).done
        except TimeoutError:
            _threads(self.client)
            return
        for future in done:
            shard, tried = self.shards.pop(future)
            if future.status == "cancelled":
                raise ClusterError(GONE)
            try:
                got = future.result()  # once more computed where the worker that had it has died
            except Exception as error:  # of any kind: the answer never came, whatever dask says of why
                raise ClusterError(
                    f"shard {shard.name} failed on the cluster: {type(error).__name__}: {error}; if its workers died, "
                    "give them more memory or fewer threads; the same command goes on from the finished shards"
                ) from error
            yield shard, tried, got

    def drop(self) -> None:
        """Take back what is still under way."""
        if self.client.status == "running":
            self.client.cancel(list(self.shards))
        self.shards.clear()


def _threads(client: Client) -> int:
    """Threads of all workers, waiting a while for the first.

    Raises:
        ClusterError: there is none, or no scheduler.
    """
    if client.status != "running":
        raise ClusterError(GONE)
    threads = int(sum(client.nthreads().values()))
    if not threads:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError as error:
            address = client.scheduler_info()["address"]
            raise ClusterError(f"the cluster at {address} has no worker; dask worker {address} starts one") from error
        threads = int(sum(client.nthreads().values()))
    return max(1, threads)


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of the scheduler at `address`, such as ``tcp://10.0.0.1:8786``.

    Raises:
        ClusterError: none answers there.
    """
    dask = _distributed()
    try:
        client = dask.Client(address, timeout=PATIENCE_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(
            f"no dask scheduler answers at {address} ({type(error).__name__}); start one with dask scheduler, or leave "
            "--scheduler out to work on this machine alone"
        ) from error
    with client:
        yield client


@contextmanager
def processes(count: int, *, threads: int) -> Iterator[Client]:
    """A client of a cluster of `count` worker processes on this machine, each with `threads` threads."""
    dask = _distributed()
    settings: dict[str, Any] = {"dashboard_address": ":0", "memory_limit": 0, "silence_logs": logging.CRITICAL}
    with (
        _environment_kept(),
        dask.LocalCluster(n_workers=count, threads_per_worker=threads, processes=True, **settings) as cluster,
        dask.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what starting workers does to this process: dask leaves one thread for OpenMP in its environment."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _distributed() -> Any:
    """The library that talks to clusters.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise MissingExtra.of(error) from error
    return distributed
