"""Kill runs with SIGKILL at random moments of every phase, and see that nothing is ever torn.

    python -m tests.faults.kills            200 kills
    python -m tests.faults.kills --kills 6

The parent watches the files that a run makes: a third of the kills falls into the time of the network and the rasters,
a third into that of the polygons, a third into the last moments, in which results become visible. After each, what lies
there is whole; the same command again gives the result of an undisturbed run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path

from tests.faults.world import CASES, Case, at, begin, bytes_of, end, load, place, result_in, room, run

PHASES = {"raster": "shards-*", "vectors": "confidence.tif", "commit": "summary.json"}
"""Phase → the file with which it begins."""


def wait_for(name: str, here: Path, child: int) -> bool:
    """Wait until a run has made something of that name in its stage; False where the child has ended before."""
    while ") Z " not in Path(f"/proc/{child}/stat").read_text():
        if next(here.glob(f".out.geoglm-part/**/{name}"), None) is not None:
            return True
        time.sleep(0.0005)
    return False


def main() -> None:
    """Kill and rerun."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", type=Path, help="folder in which tests.faults.world has made one")
    asked = parser.parse_args()
    with at(asked.world) as world, room(world) as folder:
        load()
        sys.exit(kill_all(world, folder, asked.kills, random.Random(asked.seed)) > 0)


def kill_all(world: Path, folder: Path, kills: int, rng: random.Random) -> int:
    """Kill so many runs; how often a promise was broken."""
    cases = [c for c in CASES if c.is_segment]
    calm = {case: undisturbed(world, case, folder) for case in cases}
    torn, told = 0, Counter[str]()
    for number in count():
        if told.total() - told["too late"] == kills:
            break
        case, phase = cases[number % len(cases)], list(PHASES)[number // len(cases) % len(PHASES)]
        right, spans = calm[case]
        here, log = place(world, case, folder / "here"), folder / "said"
        before, old = result_in(here / "out"), bytes_of(here / "out")
        child = begin(case.words(world, here), log)
        wait = rng.uniform(0, spans[phase])
        if wait_for(PHASES[phase], here, child):
            time.sleep(wait)
        os.kill(child, signal.SIGKILL)
        ended = end(child, log)
        try:
            judge(case, here, right, before, old)
            kept = len(list(here.glob(".out.geoglm-part/shards-*/*.zip")))
            again = run(case.words(world, here), log)
            assert (again.code, again.said) == (0, "")
            assert result_in(here / "out") == right
            assert {p.name for p in here.iterdir()} == {"scene.tif", "out"}
            reused = json.loads((here / "out" / "summary.json").read_text())["shards_reused"]
            assert reused == kept or ended.code == 0
        except (AssertionError, OSError, KeyError, ValueError) as error:
            torn += 1
            print(f"TORN {case.name}, {wait:.3f} s into {phase}: {error!r}", flush=True)
        told[phase if ended.code else "too late"] += 1
    print(
        f"{kills} kills (and {told.pop('too late', 0)} that came too late): "
        + ", ".join(f"{n} {w}" for w, n in told.most_common())
    )
    print(f"{torn} torn or continued otherwise")
    return torn


def judge(case: Case, here: Path, right: object, before: object, old: dict[str, str]) -> None:
    """What lies there after a kill: the result of before, byte for byte, or the new one."""
    found = result_in(here / "out")
    assert found in (before, right) or (case.others and found is None)
    assert found == right or found is None or bytes_of(here / "out") == old


def undisturbed(world: Path, case: Case, folder: Path) -> tuple[object, dict[str, float]]:
    """What a case gives, and how long its phases take."""
    here, log = place(world, case, folder / "here"), folder / "said"
    child = begin(case.words(world, here), log)
    marks = []
    for name in PHASES.values():
        wait_for(name, here, child)
        marks.append(time.monotonic())
    ended = end(child, log)
    marks.append(time.monotonic())
    assert (ended.code, ended.said) == (0, ""), ended
    return result_in(here / "out"), {p: b - a for p, a, b in zip(PHASES, marks, marks[1:], strict=False)}


if __name__ == "__main__":
    main()
