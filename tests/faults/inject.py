"""Fail every operation on files in turn, and see that all promises are kept.

    python -m tests.faults.inject              every operation, in every way: half an hour
    python -m tests.faults.inject --sample 12  so many of them, drawn at random

Each point is one operation of one command that fails in one way: with an error (once, or for good where the disk is
full), or by SIGKILL before it or, where something is written, halfway through it. Promised is then:

- it ends with one line on stderr and exit code 2, or succeeds, or is killed; nothing else is said;
- what was there before is whole, or the new result is; among files of others there may be none, then no manifest is;
- no finished shard is lost, except those that a changed scene makes worthless;
- the same command again succeeds, takes the finished shards over, gives the result of an undisturbed run, and leaves
  nothing else behind.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.world import CASES, Case, bytes_of, load, made, place, polygons_in, result_in, room, run

MODES = {"once": 1, "onward": 2, "kill": 3, "torn": 4}
"""As fault.c numbers them."""


@dataclass(frozen=True)
class Point:
    """Operation `number` of a command fails in some way."""

    case: Case
    mode: str
    number: int


class Broken(AssertionError):
    """A promise was not kept."""


class Injector:
    """The preloaded library, and the results that it may not keep from coming."""

    def __init__(self, world: Path, own: Path) -> None:
        self.world, self.here, self.log = world, own / "here", own / "said"
        load()
        self.library = ctypes.CDLL(None)
        self.library.fault_what.restype = ctypes.c_char_p
        self.right: dict[str, Any] = {}
        self.old = result_in(world / "old" / "out")
        self.old_polygons = polygons_in(world / "old" / "some.gpkg")

    def counted(self, case: Case) -> int:
        """Run a case undisturbed, note what it gives, and count its operations."""
        here = place(self.world, case, self.here)
        ended = self._run(case, here, 0, 0)
        assert (ended.code, ended.said) == (0, ""), ended
        self.right[case.name] = self._result(case, here)
        assert self.right[case.name] not in (None, self.old, self.old_polygons)
        return int(self.library.fault_count())

    def _run(self, case: Case, here: Path, mode: int, number: int) -> Any:
        root = ctypes.c_char_p(os.fsencode(here))
        try:
            return run(case.words(self.world, here), self.log, lambda: self.library.fault_arm(root, mode, number))
        finally:
            self.library.fault_disarm()  # the memory is shared

    def _result(self, case: Case, here: Path) -> Any:
        if case.is_segment:
            return result_in(here / "out")
        return polygons_in(here / "some.gpkg") if (here / "some.gpkg").exists() else None

    def try_point(self, point: Point) -> str:
        """One point; what was done to it.

        Raises:
            Broken: a promise was not kept.
        """
        case = point.case
        here = place(self.world, case, self.here)
        before = bytes_of(here)
        ended = self._run(case, here, MODES[point.mode], point.number)
        what = self.library.fault_what().decode(errors="replace").replace(str(here), "")
        done = f"{case.name}, {point.mode} at {point.number}: {what}"
        kept = self.library.fault_shards()
        try:
            self._judge(case, here, before, ended)
            self._judge_again(case, here, kept, self._result(case, here) == self.right[case.name])
        except (AssertionError, OSError, KeyError, ValueError) as error:
            raise Broken(f"{done}\n  ended with {ended.code}: {ended.said.strip()}\n  {error!r}") from error
        return what if self.library.fault_hit else ""

    def _judge(self, case: Case, here: Path, before: dict[str, str], ended: Any) -> None:
        """What must hold after the fault."""
        lines = ended.said.splitlines()
        assert ended.code in (0, 2, -9), "no exit code of ours"
        assert len(lines) == (ended.code == 2), "not one line"
        assert all(line.startswith("geoglm: ") for line in lines), "not in our words"
        found, right = self._result(case, here), self.right[case.name]
        old = (self.old if case.is_segment else self.old_polygons) if case.earlier else None
        assert found in ((old, right, None) if case.others else (old, right)), "neither the old result nor the new one"
        assert ended.code != 0 or found == right, "called finished and is not"
        now = bytes_of(here)
        assert all(now.get(n) == before[n] for n in ("scene.tif", *["out/mine.txt"] * case.others)), "others' files"
        if found == old and old is not None:
            assert all(now.get(n) == h for n, h in before.items()), "the old result is not what it was"

    def _judge_again(self, case: Case, here: Path, kept: int, finished: bool) -> None:
        """What must hold after the same command was given again."""
        again = self._run(case, here, 0, 0)
        assert (again.code, again.said) == (0, ""), f"not to be continued: {again}"
        assert self._result(case, here) == self.right[case.name], "continued with another result"
        there = {p.name for p in here.iterdir()}
        right = {"scene.tif", "out"} | ({"some.gpkg"} if not case.is_segment else set())
        assert there == right, f"litter: {there - right}"
        if case.is_segment:
            told = {p.name for p in (here / "out").iterdir()} - {"mine.txt"}
            assert told == set(json.loads((here / "out" / "manifest.json").read_text())["outputs"]), "litter in out"
            reused = json.loads((here / "out" / "summary.json").read_text())["shards_reused"]
            assert finished or reused == kept, f"{kept} shards were finished, {reused} taken over"


def points(injector: Injector, cases: tuple[Case, ...], modes: list[str]) -> Iterator[Point]:
    """All there are."""
    for case in cases:
        count = injector.counted(case)
        print(f"{case.name}: {count} operations", flush=True)
        yield from (Point(case, mode, n) for mode in modes for n in range(1, count + 1))


def try_all(injector: Injector, tried: list[Point]) -> int:
    """Try points, and tell; at how many a promise was broken."""
    broken, kinds = 0, Counter[str]()
    for point in tried:
        try:
            kinds[injector.try_point(point).split(" ")[0]] += 1
        except Broken as error:
            broken += 1
            print(f"BROKEN {error}", flush=True)
    told = ", ".join(f"{n} {kind or 'not reached'}" for kind, n in kinds.most_common())
    print(f"{len(tried)} points: {told}")
    print(f"all promises kept at {len(tried) - broken} of {len(tried)} ({1 - broken / len(tried):.1%})")
    return broken


def preloaded(folder: Path) -> None:
    """Begin anew with the library preloaded, if it is not."""
    if "FAULTS" in os.environ:
        return
    library = folder / "fault.so"
    source = Path(__file__).with_name("fault.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    environment = os.environ | {"LD_PRELOAD": str(library), "FAULTS": str(folder)}
    words = [sys.executable, "-m", "tests.faults.inject", *sys.argv[1:]]
    sys.exit(subprocess.run(words, env=environment, check=False).returncode)


def main() -> None:
    """Try all points, or some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, help="try so many points only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--world", type=Path, help="folder in which tests.faults.world has made one")
    parser.add_argument("--cases", nargs="+", type=int, default=list(range(len(CASES))), help="by number, from 0")
    asked = parser.parse_args()
    folder = Path(os.environ.get("FAULTS") or tempfile.mkdtemp(prefix="geoglm-faults-"))
    try:
        preloaded(folder)
        os.environ.pop("LD_PRELOAD")
        world = made(asked.world or folder)
        with room(world) as own:
            injector = Injector(world, own)
            tried = list(points(injector, tuple(CASES[k] for k in asked.cases), asked.modes))
            if asked.sample is not None:
                tried = random.Random(asked.seed).sample(tried, asked.sample)
            sys.exit(try_all(injector, tried) > 0)
    finally:
        if "FAULTS" not in os.environ:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
