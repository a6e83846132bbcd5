"""Kill dask workers while they score, again and again: no run hangs, and every map is that of threads.

python -m tests.faults.workers            100 kills
python -m tests.faults.workers --kills 3
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.faults.world import at, room

PATIENCE_S = 120
"""A run that takes longer hangs."""


def main() -> None:
    """Kill and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", type=Path, help="folder in which tests.faults.world has made one")
    asked = parser.parse_args()
    with at(asked.world) as world, room(world) as folder:
        sys.exit(kill_all(world, folder, asked.kills, random.Random(asked.seed)))


def serve(address: str) -> None:
    """A worker, until it is killed."""
    import distributed

    async def work() -> None:
        quiet = {"silence_logs": "critical", "dashboard": False}
        async with distributed.Worker(address, nthreads=1, memory_limit=0, **quiet) as worker:
            await worker.finished()

    asyncio.run(work())


def kill_all(world: Path, folder: Path, kills: int, rng: random.Random) -> bool:
    """Whether something went wrong."""
    import distributed

    from geoglm.jobs.segment import segment_file
    from geoglm.options import PatchRule, SegmentOptions

    options = SegmentOptions(
        str(world / "new-model"), patch=PatchRule("fixed", 96), shard_px=96, vectors="none", report=False, workers=2
    )
    segment_file(world / "scene.tif", folder / "right", options)
    right = [(folder / "right" / n).read_bytes() for n in ("classes.tif", "confidence.tif")]
    loaded = multiprocessing.get_context("forkserver")
    loaded.set_forkserver_preload(["distributed", "geoglm.jobs.segment", "geoglm.infer.openvino_logits"])
    wrong = 0
    with (
        distributed.LocalCluster(n_workers=0, processes=True, dashboard_address=None, silence_logs=50) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):

        def begun() -> Any:
            worker = loaded.Process(target=serve, args=(cluster.scheduler_address,), daemon=True)
            worker.start()
            return worker

        workers = [begun(), begun()]
        for number in range(kills):
            client.wait_for_workers(2, timeout=PATIENCE_S)
            victim, delay = rng.randrange(2), rng.uniform(0, 0.4) * rng.choice((1, 5))
            killer = threading.Timer(delay, workers[victim].kill)
            killer.start()
            began = time.monotonic()
            segment_file(world / "scene.tif", folder / "out", options, client=client)
            took = time.monotonic() - began
            killer.join()
            found = [(folder / "out" / n).read_bytes() for n in ("classes.tif", "confidence.tif")]
            if found != right or took > PATIENCE_S:
                wrong += 1
                print(f"WRONG: worker killed after {delay:.3f} s, done after {took:.1f} s", flush=True)
            shutil.rmtree(folder / "out")
            workers[victim].join()
            workers[victim] = begun()
            if number % 10 == 9:
                print(f"{number + 1} workers killed: {wrong} hangs or other maps", flush=True)
        for worker in workers:
            worker.kill()
    return wrong > 0


if __name__ == "__main__":
    main()
