"""Two runs into one folder at the same time, again and again: one wins, the other is told so, and nothing mixes.

    python -m tests.faults.twins            50 times
    python -m tests.faults.twins --times 3

The two use different models. Whatever either says, the folder holds the whole result of one of them, and whoever was
refused said so in one line.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

from tests.faults.world import CASES, at, begin, end, load, place, result_in, room, run


def main() -> None:
    """Run pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", type=Path, help="folder in which tests.faults.world has made one")
    asked = parser.parse_args()
    with at(asked.world) as world, room(world) as folder:
        load()
        sys.exit(run_pairs(world, folder, asked.times, random.Random(asked.seed)) > 0)


def run_pairs(world: Path, folder: Path, times: int, rng: random.Random) -> int:
    """Run so many pairs; how many mixed."""
    case = CASES[0]
    both = [case.words(world, folder / "here"), case.words(world, folder / "here")]
    both[1][both[1].index("-m") + 1] = str(world / "old-model")
    right, span = [], 0.0
    for words in both:
        here, began = place(world, case, folder / "here"), time.monotonic()
        assert run(words, folder / "said0").code == 0
        span = time.monotonic() - began
        right.append(result_in(here / "out"))
    assert right[0] != right[1]
    mixed, told = 0, Counter[str]()
    for _ in range(times):
        here = place(world, case, folder / "here")
        children = []
        for k, words in enumerate(both):
            children.append(begin(words, folder / f"said{k}"))
            time.sleep(rng.uniform(0, span) * rng.choice((0, 0.02, 1)))
        ended = [end(child, folder / f"said{k}") for k, child in enumerate(children)]
        try:
            assert result_in(here / "out") in [r for r, e in zip(right, ended, strict=True) if e.code == 0]
            refused = [e for e in ended if e.code]
            assert all(e.said.count("\n") == 1 and "another geoglm run is writing there" in e.said for e in refused)
            assert {p.name for p in here.iterdir()} == {"scene.tif", "out"}
        except (AssertionError, OSError, KeyError, ValueError) as error:
            mixed += 1
            print(f"MIXED {ended}: {error!r}", flush=True)
        told["one refused" if any(e.code for e in ended) else "one after the other"] += 1
    print(f"{times} pairs: " + ", ".join(f"{n} {w}" for w, n in told.most_common()))
    print(f"{mixed} mixed")
    return mixed


if __name__ == "__main__":
    main()
