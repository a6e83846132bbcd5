"""How near a run with a time budget comes to it.

python benchmarks/time_budget.py SCENE [--share 0.5] [--memory 4GB] [--vectors none] [--runs 5]

Each pair of runs is one that takes its time, and one that is given so large a share of that.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from geoglm.jobs.segment import segment_file
from geoglm.options import SegmentOptions, parse_memory


def run(scene: str, options: SegmentOptions) -> tuple[float, Counter[str]]:
    """Seconds of a run, and how many shards were seen at which level."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        segment_file(scene, Path(folder) / "out", options)
        took = time.monotonic() - began
        manifest = json.loads((Path(folder) / "out" / "manifest.json").read_text(encoding="utf-8"))
    return took, Counter(manifest.get("resolution", {}).get("pixels_seen_as_one", {}).values())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene")
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--vectors", default="none")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()

    def options(budget: float | None) -> SegmentOptions:
        return SegmentOptions(memory=parse_memory(given.memory), vectors=given.vectors, time_budget=budget)

    run(given.scene, options(None))  # the compiled network and the disk's cache
    run(given.scene, options(0.01))  # and that of the coarse levels
    used = []
    for _ in range(given.runs):
        natural, _levels = run(given.scene, options(None))
        took, levels = run(given.scene, options(given.share * natural))
        used.append(took / (given.share * natural))
        seen = ", ".join(f"{n} shards {level}" for level, n in sorted(levels.items()))
        print(f"natural {natural:.1f} s, budget {given.share * natural:.1f} s, took {took:.1f} s ({seen})", flush=True)
    print(f"time over budget {statistics.median(used):.2f} (median of {len(used)}; {min(used):.2f} to {max(used):.2f})")


if __name__ == "__main__":
    main()
