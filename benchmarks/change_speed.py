"""Time and memory of `geoglm change` on a large pair, beside one `geoglm segment` of its first date.

python benchmarks/change_speed.py SAMPLE --size SIDE [--rounds N] [--methods spectral classes maps] [--work FOLDER]

The pair is SAMPLE laid out to SIDE x SIDE px, and the same darker, noisy, with squares of elsewhere in it. By `classes`
the model that suits the sample maps both dates; `maps` compares two class maps that are there already. Every run is a
process of its own with the defaults of the command; the median of the rounds is told: seconds, seconds of all
processors, peak of resident memory, and seconds as a multiple of those of segment. The seconds need quiet cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import rasterio
from make_scene import main as make_scene
from rasterio.windows import Window

SQUARE_PX, APART_PX = 96, 1024
"""Side of a square of change, and how far apart they are."""


def make_pair(sample: Path, side: int, folder: Path) -> tuple[Path, Path]:
    """Both dates; those of an earlier call are taken as they are."""
    before, after = folder / f"before-{side}.tif", folder / f"after-{side}.tif"
    if after.exists():
        return before, after
    make_scene(sample, side, before)
    draft, rng = after.with_suffix(".draft.tif"), np.random.default_rng(0)
    with rasterio.open(before) as source, rasterio.open(draft, "w", **source.profile) as target:
        most = np.iinfo(source.dtypes[0]).max
        for top in range(0, side, 512):
            window = Window(0, top, side, min(512, side - top))
            pixels = source.read(window=window).astype(np.float32)
            if top // 512 % (APART_PX // 512) == 0 and window.height >= SQUARE_PX:
                for left in range(0, side - 2 * SQUARE_PX, APART_PX):
                    there = pixels[:, :SQUARE_PX, left + SQUARE_PX : left + 2 * SQUARE_PX]
                    pixels[:, :SQUARE_PX, left : left + SQUARE_PX] = there[:, ::-1]
            noisy = 0.9 * pixels + rng.normal(0, 0.01 * most, pixels.shape).astype(np.float32)
            target.write(np.rint(noisy).clip(0, most).astype(source.dtypes[0]), window=window)
    draft.replace(after)
    return before, after


def measured(arguments: list[str]) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak MB of one call."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "geoglm", *arguments, "--quiet"])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"geoglm {' '.join(arguments)} failed")
    return time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3


def main(sample: Path, side: int, rounds: int, methods: list[str], folder: Path) -> None:
    """One line a command."""
    before, after = make_pair(sample, side, folder)
    maps = [folder / f"segmented-{k}" for k in (0, 1)]
    calls = {"segment": ["segment", str(before), "-o", str(maps[0])]}
    pair = ["change", str(before), str(after), "-o", str(folder / "out"), "--method"]
    calls |= {m: [*pair, m] for m in methods if m != "maps"}
    if "maps" in methods:
        measured(["segment", str(after), "-o", str(maps[1])])
        calls["maps"] = ["change", *(str(m / "classes.tif") for m in maps), "-o", str(folder / "out-maps")]
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, arguments in calls.items():
            found[name].append(measured(arguments))
    one = median(f[0] for f in found["segment"])
    for name, runs in found.items():
        seconds, processor, peak = (median(r[k] for r in runs) for k in range(3))
        print(
            f"{name:9s} {side} px: {seconds:6.1f} s, {processor:6.1f} s of all processors, peak {peak:5.0f} MB, "
            f"{seconds / one:.2f} x segment",
            flush=True,
        )


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("sample", type=Path)
    asked.add_argument("--size", type=int, required=True)
    asked.add_argument("--rounds", type=int, default=1)
    asked.add_argument("--methods", nargs="+", default=["spectral", "classes", "maps"])
    asked.add_argument("--work", type=Path)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=given.work) as room:
        main(given.sample, given.size, given.rounds, given.methods, given.work or Path(room))
