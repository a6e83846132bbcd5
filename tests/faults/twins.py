"""Two runs into one folder at the same time, again and again: one wins, the other is told so, and nothing mixes.

    python -m tests.faults.twins            50 times
    python -m tests.faults.twins --times 3

The two use different models. Whatever either says, the folder holds the whole result of one of them, and whoever was
refused said so in one line.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.world import CASES, begin, end, load, made, place, result_in, run


def main() -> None:
    """Run pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", type=Path)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="geoglm-twins-"))
    try:
        world, rng, case = made(asked.world or folder), random.Random(asked.seed), CASES[0]
        load()
        mixed, told = 0, Counter[str]()
        both = [case.words(world, folder / "here"), case.words(world, folder / "here")]
        both[1][both[1].index("-m") + 1] = str(world / "old-model")
        right, span = [], 0.0
        for words in both:
            here, began = place(world, case, folder / "here"), time.monotonic()
            assert run(words, folder / "said0").code == 0
            span = time.monotonic() - began
            right.append(result_in(here / "out"))
        for _ in range(asked.times):
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
        print(f"{asked.times} pairs: " + ", ".join(f"{n} {w}" for w, n in told.most_common()))
        print(f"{mixed} mixed")
        sys.exit(mixed > 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
