"""The planner's patch beside the stepwise rule and fixed sides, on scenes of four shapes.

python benchmarks/planner.py [--memory 2GB] [--rounds 3]      processor seconds of `geoglm segment`, medians

Halos are those that each rule gets from the package: a fixed side has room for a quarter of itself at most, so small
sides save time at the cost of seams, unless --halo gives all the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

SHAPES = ((3000, 3000), (900, 9000), (2200, 2900), (1300, 1300))
"""Rows and columns: a square, a strip, a scene that no patch divides, a small one."""
RULES = ("auto", "stepwise", "256", "512", "1024")


def make(path: Path, shape: tuple[int, int]) -> None:
    """A valid RGB scene of smooth noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (3, -(-shape[0] // 10), -(-shape[1] // 10)), dtype=np.uint8)
    pixels = coarse.repeat(10, axis=1).repeat(10, axis=2)[:, : shape[0], : shape[1]]
    profile = {"driver": "GTiff", "height": shape[0], "width": shape[1], "count": 3, "dtype": "uint8", "tiled": True}
    with rasterio.open(path, "w", **profile, crs="EPSG:32633", transform=Affine(0.5, 0, 4e5, 0, -0.5, 5e6)) as target:
        target.write(pixels)


def cpu_seconds(scene: Path, *options: str) -> float:
    """Processor seconds of the command."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "geoglm", "segment", str(scene), "-o", f"{folder}/out", "--quiet"]
        process = subprocess.Popen([*command, "--model", "aerial-landcover", "--vectors", "none", *options])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"geoglm segment failed on {scene}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--halo", default="auto")
    asked = parser.parse_args()
    print("| scene px | " + " | ".join(RULES) + " | auto / best fixed |\n|---" + "|---" * (len(RULES) + 1) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for shape in SHAPES:
            scene = Path(folder) / f"{shape[0]}x{shape[1]}.tif"
            make(scene, shape)
            options = ("--memory", asked.memory, "--halo", asked.halo)
            times: dict[str, list[float]] = {rule: [] for rule in RULES}
            for _ in range(asked.rounds):
                for rule in RULES:
                    times[rule].append(cpu_seconds(scene, "--patch", rule, *options))
            middle = {rule: statistics.median(several) for rule, several in times.items()}
            best = min(middle[r] for r in RULES if r.isdecimal())
            cells = " | ".join(f"{middle[r]:.2f}" for r in RULES)
            print(f"| {shape[0]} x {shape[1]} | {cells} | {middle['auto'] / best:.2f} |", flush=True)


if __name__ == "__main__":
    main()
