"""geoglm beside the limit and beside the loops people write, on one scene, in one run.

python benchmarks/speed.py SCENE [--rounds 5] [--memory 4GB 2GB] [--only bare segment ...] [--model auto]

Every case is a process of its own, and the rounds go through all cases in turn, so that a busy minute hits all alike.
Medians; `geoglm segment` is timed from prompt to prompt, loops without their imports and exports. Beside the time
stands the processors' time, which says what a quiet machine would do where this one has other work.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
Case = Callable[[Path, str], "Run"]


@dataclass(frozen=True)
class Run:
    """Seconds and processor seconds for a Mpx, and the peak of resident memory in MB."""

    seconds: float
    cpu: float
    peak: float


def script(name: str, *extra: str) -> Case:
    """A case that prints its pixels and seconds."""

    def run(scene: Path, model: str) -> Run:
        told, usage = _watched([sys.executable, str(HERE / f"{name}.py"), str(scene), model, *extra])
        facts = json.loads(told.splitlines()[-1])
        mpx = facts["px"] / 1e6
        return Run(facts["seconds"] / mpx, facts["cpu"] / mpx, usage.ru_maxrss * 1024 / 1e6)

    return run


def segment(memory: str, vectors: str) -> Case:
    """A case of the command itself."""

    def run(scene: Path, model: str) -> Run:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "geoglm", "segment", str(scene), "-o", f"{folder}/out", "--quiet"]
            began = time.perf_counter()
            _, usage = _watched([*command, "--memory", memory, "--vectors", vectors, "--model", model])
            seconds = time.perf_counter() - began
            manifest = json.loads((Path(folder) / "out" / "manifest.json").read_text())
        mpx = _mpx(scene)
        return Run(seconds / mpx, (usage.ru_utime + usage.ru_stime) / mpx, manifest["peak_memory_mb"])

    return run


def _watched(command: list[str]) -> tuple[str, resource.struct_rusage]:
    """What a command prints, and what it used."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told: list[str] = []
    output = process.stdout
    assert output is not None
    reader = threading.Thread(target=lambda: told.append(output.read()))
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    reader.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command}: {process.stderr.read() if process.stderr else ''}")
    return told[0], usage


def _mpx(scene: Path) -> float:
    import rasterio

    with rasterio.open(scene) as source:
        return source.width * source.height / 1e6


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scene", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", nargs="+", default=["4GB", "2GB"])
    parser.add_argument("--model", default="auto")
    parser.add_argument("--only", nargs="+", default=["bare", "segment", "polygons", "plain", "plain-polygons", "onnx"])
    asked = parser.parse_args()
    cases: dict[str, Case] = {}
    if "bare" in asked.only:
        cases["bare network, 512 px tiles"] = script("bare")
    for memory in asked.memory:
        if "segment" in asked.only:
            cases[f"geoglm segment, --memory {memory}"] = segment(memory, "none")
        if "polygons" in asked.only:
            cases[f"geoglm segment, --memory {memory}, polygons"] = segment(memory, "parquet")
    if "onnx" in asked.only:
        cases["ONNX loop"] = script("onnx_loop")
    if "plain" in asked.only:
        cases["plain loop"] = script("plain_loop")
    if "plain-polygons" in asked.only:
        cases["plain loop, polygons"] = script("plain_loop", "--polygons")
    found: dict[str, list[Run]] = {name: [] for name in cases}
    for number in range(asked.rounds):
        for name, case in cases.items():
            run = case(asked.scene, asked.model)
            found[name].append(run)
            told = f"{1 / run.seconds:.2f} Mpx/s, {run.cpu:.3f} CPU s/Mpx"
            print(f"round {number + 1}: {name}: {told}", file=sys.stderr, flush=True)
    _table(asked.scene, found)


def _table(scene: Path, found: dict[str, list[Run]]) -> None:
    middle = {n: statistics.median(r.seconds for r in several) for n, several in found.items()}
    worked = {n: statistics.median(r.cpu for r in several) for n, several in found.items()}
    others = [
        n for n in ("bare network, 512 px tiles", "ONNX loop", "plain loop", "plain loop, polygons") if n in middle
    ]
    print(f"{scene.name}, {_mpx(scene):.1f} Mpx, {len(os.sched_getaffinity(0))} cores, medians of ", end="")
    print(f"{max(len(several) for several in found.values())}")
    print("| | Mpx/s | CPU s/Mpx | peak MB | " + " | ".join(f"x {n} (CPU)" for n in others) + " |")
    print("|---" * (4 + len(others)) + "|")
    for name, seconds in middle.items():
        ratios = " | ".join(f"{middle[o] / seconds:.2f} ({worked[o] / worked[name]:.2f})" for o in others)
        peak = max(r.peak for r in found[name])
        print(f"| {name} | {1 / seconds:.2f} | {worked[name]:.3f} | {peak:.0f} | {ratios} |")


if __name__ == "__main__":
    main()
