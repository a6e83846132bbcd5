"""How time falls with workers: the command on one scene with more and more threads, and with processes.

python benchmarks/workers.py SCENE [--rounds 3] [--processes 1 2 4] [options of geoglm segment, such as --patch 1024]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def run(scene: Path, *options: str) -> tuple[float, str]:
    """Seconds, and a hash of the two maps."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "geoglm", "segment", str(scene), "-o", f"{folder}/out", "--quiet"]
        began = time.perf_counter()
        subprocess.run([*command, "--vectors", "none", "--memory", "4GB", *options], check=True)
        seconds = time.perf_counter() - began
        maps = (Path(folder) / "out" / f"{name}.tif" for name in ("classes", "confidence"))
        return seconds, hashlib.sha256(b"".join(m.read_bytes() for m in maps)).hexdigest()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scene", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, nargs="*", default=[], help="also with so many worker processes")
    asked, more = parser.parse_known_args()
    cores = len(os.sched_getaffinity(0))
    counts = sorted({1, *(2**k for k in range(cores.bit_length()) if 2**k <= cores), cores})
    cases = {f"{n} threads": ("--workers", str(n)) for n in counts}
    cases |= {f"{n} processes": ("--scheduler", f"local:{n}") for n in asked.processes}
    found = {name: [run(asked.scene, *options, *more) for _ in range(asked.rounds)] for name, options in cases.items()}
    first = statistics.median(s for s, _ in next(iter(found.values())))
    hashes = {h for several in found.values() for _, h in several}
    print("| workers | s | times as fast as one |\n|---|---|---|")
    for name, several in found.items():
        seconds = statistics.median(s for s, _ in several)
        print(f"| {name} | {seconds:.1f} | {first / seconds:.2f} |")
    print("the maps are the same, byte for byte" if len(hashes) == 1 else f"{len(hashes)} DIFFERENT maps")


if __name__ == "__main__":
    main()
