"""The limit: the network alone, in the fastest runtime, on tiles that lie ready in memory.

python benchmarks/bare.py SCENE [MODEL] [SIDE]    raw pixels to class and confidence, one request on every core
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.infer.runtime import Runtime
from geoglm.io.geotiff import RasterFile
from geoglm.jobs.network import runtime_of
from geoglm.jobs.planning import make_plan
from geoglm.options import HaloRule, PatchRule, SegmentOptions
from geoglm.types import PixelBox

SECONDS, TILES = 6.0, 16


def main(scene: Path, model: str = "auto", side: int = 512) -> None:
    """Print pixels and seconds as JSON."""
    source = RasterFile(scene)
    options = SegmentOptions(model, patch=PatchRule("fixed", side), halo=HaloRule("fixed", 32), memory=20 * 10**9)
    plan = make_plan(source, options)
    runtime = runtime_of(plan, "map")
    rows, cols = plan.layout.grid.patch
    last = source.meta.height - rows, source.meta.width - cols
    corners = np.random.default_rng(0).integers(0, np.array(last) + 1, (TILES, 2))
    tiles = [source.read(PixelBox(y, x, y + rows, x + cols), plan.bands)[0][None] for y, x in corners.tolist()]
    _scored(runtime, tiles, plan.workers, seconds=SECONDS / 4)  # warm
    began, worked = time.perf_counter(), time.process_time()
    done = _scored(runtime, tiles, plan.workers, seconds=SECONDS)
    facts = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - worked}
    print(json.dumps({"px": done * rows * cols, **facts, "runtime": runtime.name}))


def _scored(runtime: Runtime, tiles: list[NDArray[np.generic]], workers: int, *, seconds: float) -> int:
    """How many tiles so many threads score in about so many seconds."""
    counts = [0] * workers
    until = time.perf_counter() + seconds

    def work(mine: int) -> None:
        while time.perf_counter() < until:
            runtime.infer(tiles[(mine + counts[mine]) % len(tiles)])
            counts[mine] += 1

    threads = [threading.Thread(target=work, args=(k,)) for k in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3], *(int(s) for s in sys.argv[3:4]))
