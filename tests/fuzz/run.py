"""The long mode of the fuzzer: many mutants, in processes of their own, and what came of them.

python -m tests.fuzz.run [MUTANTS] [--first N] [--processes 2] [--map-every 50]    10,000 by default

A process that dies is a finding, as is one that takes 60 s of the processor for a mutant or stands still;
a new one goes on. Findings are kept in fuzz-findings/.
"""

from __future__ import annotations

import argparse
import json
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.fuzz.mutants import Seed, mutant, seeds
from tests.fuzz.trial import processor_seconds, tried

PATIENCE_S = 60
"""Of processor time, so that a busy machine finds nothing of its own."""
STILL_S = 300
"""By the clock, without a moment of the processor: what waits for nothing."""
PEAK = 2 * 10**9
FINDINGS = Path("fuzz-findings")


@dataclass
class Tally:
    """What has been found so far."""

    kinds: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    peak: int = 0
    mapped: int = 0
    helper_deaths: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Worker:
    """A process that tries mutants by their numbers."""

    def __init__(self, folder: Path, every: int) -> None:
        words = [sys.executable, "-m", "tests.fuzz.run", "--work", str(folder), "--map-every", str(every)]
        pipe = subprocess.PIPE
        self.errors = (folder / f"stderr-{time.monotonic_ns()}").open("w+b")
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=self.errors)

    def ask(self, number: int) -> dict[str, object]:
        """What came of a mutant."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{number}\n".encode())
        self.process.stdin.flush()
        ready = self._answers()
        line = self.process.stdout.readline() if ready else b""
        if line:
            return dict(json.loads(line))
        self.process.kill()
        code = self.process.wait()
        return {"kind": "crash" if ready else "hang", "words": f"exit {code}", "seconds": 0.0, "peak": 0}

    def _answers(self) -> bool:
        """Whether it says something before its time is up."""
        assert self.process.stdout is not None
        used = seen = processor_seconds(self.process.pid)
        since = time.monotonic()
        while not select.select([self.process.stdout], [], [], 1)[0]:
            if (now := processor_seconds(self.process.pid)) != seen:
                seen, since = now, time.monotonic()
            if seen - used > PATIENCE_S + 30 or time.monotonic() - since > STILL_S:  # the first one imports
                return False
        return True


def work(folder: Path, every: int) -> None:
    """The process itself: numbers on stdin, outcomes on stdout."""
    known = seeds_of(folder)
    for line in sys.stdin:
        number = int(line)
        seed, told, content = mutant(known, number)
        place = folder / f"mutant-{number}{seed.suffix}"
        place.write_bytes(content)
        output = folder / f"out-{number}"
        outcome = asdict(tried(place, output=output if number % every == 0 else None))
        outcome |= {"of": seed.name, "how": told, "mapped": (output / "classes.tif").exists()}
        shutil.rmtree(output, ignore_errors=True)
        if outcome["kind"] in ("used", "refused"):
            place.unlink()
        print(json.dumps(outcome), flush=True)


def seeds_of(folder: Path) -> list[Seed]:
    """The seeds that the parent has made in `folder`."""
    listed = json.loads((folder / "seeds.json").read_text())
    return [Seed(n, s, (folder / "seeds" / f"{n}{s}").read_bytes()) for n, s in listed]


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", nargs="?", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--map-every", type=int, default=50)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.map_every)
        return
    with tempfile.TemporaryDirectory() as folder:
        tally, began = Tally(), time.monotonic()
        _prepare(Path(folder))
        left = iter(range(given.first, given.first + given.mutants))
        threads = [
            threading.Thread(target=_go, args=(Path(folder), left, tally, given.map_every))
            for _ in range(given.processes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        _print(tally, time.monotonic() - began)
    sys.exit(bool(tally.findings))


def _prepare(folder: Path) -> None:
    """Write the seeds, and what the VRTs among them draw on."""
    made = seeds(folder)
    (folder / "seeds").mkdir()
    for seed in made:
        (folder / "seeds" / f"{seed.name}{seed.suffix}").write_bytes(seed.content)
    (folder / "seeds.json").write_text(json.dumps([(s.name, s.suffix) for s in made]))


def _go(folder: Path, left: object, tally: Tally, every: int) -> None:
    """Hand out numbers to one process after the other until there are none left."""
    worker = Worker(folder, every)
    while True:
        with tally.lock:
            number = next(left, None)  # type: ignore[call-overload]
        if number is None:
            break
        told = worker.ask(number)
        if told["kind"] in ("crash", "hang"):
            worker = Worker(folder, every)
        with tally.lock:
            _count(tally, number, told, folder)
    assert worker.process.stdin is not None
    worker.process.stdin.close()
    worker.process.wait()
    worker.errors.seek(0)
    if noise := worker.errors.read().decode(errors="replace").strip():
        tally.kinds["stderr"] += len(noise.splitlines())
        FINDINGS.mkdir(exist_ok=True)
        (FINDINGS / f"stderr-{time.monotonic_ns()}.txt").write_text(noise)


def _count(tally: Tally, number: int, told: dict[str, object], folder: Path) -> None:
    """Add an outcome; keep the file of a finding."""
    kind, seconds, peak = str(told["kind"]), float(str(told["seconds"])), int(str(told["peak"]))
    tally.kinds[kind] += 1
    tally.slowest, tally.peak = max(tally.slowest, seconds), max(tally.peak, peak)
    tally.mapped += bool(told.get("mapped"))
    tally.helper_deaths += "GDAL crashed on it" in str(told["words"])
    if kind not in ("used", "refused") or seconds > PATIENCE_S or peak > PEAK:
        tally.findings.append(f"{number}: {kind} {seconds:.1f} s {peak / 1e6:.0f} MB {told}")
        FINDINGS.mkdir(exist_ok=True)
        for file in folder.glob(f"mutant-{number}.*"):
            shutil.copy(file, FINDINGS)
        (FINDINGS / f"{number}.txt").write_text(str(told["words"]))
        print(tally.findings[-1], flush=True)
    done = sum(tally.kinds.values())
    if done % 500 == 0:
        print(f"{done} done: {dict(tally.kinds)}, slowest {tally.slowest:.1f} s", flush=True)


def _print(tally: Tally, seconds: float) -> None:
    """The figures that are promised to be nothing, and those that say what happened instead."""
    kinds = tally.kinds
    print(f"{kinds['used'] + kinds['refused']} fine: {kinds['used']} used ({tally.mapped} mapped), "
          f"{kinds['refused']} refused in one line; {seconds:.0f} s")  # fmt: skip
    print(f"crashes {kinds['crash']}, hangs over {PATIENCE_S} s {kinds['hang']}, tracebacks {kinds['traceback']}, "
          f"wrong georeferencing {kinds['wrong']}")  # fmt: skip
    print(f"peak memory {tally.peak / 1e6:.0f} MB, slowest {tally.slowest:.1f} s")
    print(f"crashes of GDAL in the helper, told in one line: {tally.helper_deaths}")
    print(f"lines on stderr that are not geoglm's: {kinds['stderr']}")


if __name__ == "__main__":
    main()
