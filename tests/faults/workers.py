"""Kill dask workers while they score, again and again: no run hangs, and every map is that of threads.

python -m tests.faults.workers            100 kills
python -m tests.faults.workers --kills 3
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

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


def kill_all(world: Path, folder: Path, kills: int, rng: random.Random) -> bool:
    """Whether something went wrong."""
    import dask
    import distributed
    from distributed.utils import get_mp_context

    from geoglm.jobs.segment import segment_file
    from geoglm.options import PatchRule, SegmentOptions

    options = SegmentOptions(
        str(world / "new-model"), patch=PatchRule("fixed", 96), shard_px=96, vectors="none", workers=2
    )
    segment_file(world / "scene.tif", folder / "right", options)
    right = [(folder / "right" / n).read_bytes() for n in ("classes.tif", "confidence.tif")]
    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    get_mp_context().set_forkserver_preload(["distributed", "geoglm.jobs.segment", "geoglm.infer.openvino_logits"])
    settings = {"dashboard_address": ":0", "memory_limit": 0, "silence_logs": 50}
    done = wrong = 0
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **settings) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        while done < kills:
            client.wait_for_workers(2, timeout=PATIENCE_S)
            victim = rng.choice(list(client.run(os.getpid).values()))
            delay, killed = rng.uniform(0, 0.4), threading.Event()

            def kill(victim: int = victim, delay: float = delay, killed: threading.Event = killed) -> None:
                time.sleep(delay)
                os.kill(victim, signal.SIGKILL)
                killed.set()

            threading.Thread(target=kill).start()
            began = time.monotonic()
            segment_file(world / "scene.tif", folder / "out", options, client=client)
            took = time.monotonic() - began
            killed.wait()
            found = [(folder / "out" / n).read_bytes() for n in ("classes.tif", "confidence.tif")]
            if found != right or took > PATIENCE_S:
                wrong += 1
                print(f"WRONG: worker killed after {delay:.3f} s, done after {took:.1f} s", flush=True)
            shutil.rmtree(folder / "out")
            done += 1
    print(f"{done} workers killed: {wrong} hangs or other maps")
    return wrong > 0


if __name__ == "__main__":
    main()
