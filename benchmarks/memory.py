"""Peak resident memory: of the network for growing patches, and of whole runs beside what was predicted.

python benchmarks/memory.py                                      bytes for a pixel of a tile
python benchmarks/memory.py --run SCENE [options]                peak of `geoglm segment SCENE ...`
python benchmarks/memory.py --scenes PLOT.png [SIDE ...] [--budgets 1GB 2GB 4GB]
                                                                 peak against scene size: empty but valid RGB scenes
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

ONE_TILE = """
import sys
import numpy as np
from geoglm.io.memory import ArrayScene
from geoglm.jobs.budget import peak_memory
from geoglm.jobs.network import runtime_of
from geoglm.jobs.planning import make_plan
from geoglm.options import PatchRule, SegmentOptions
side, precision = int(sys.argv[1]), sys.argv[2]
scene = ArrayScene(np.random.default_rng(0).integers(0, 255, (3, side, side), dtype=np.uint8))
plan = make_plan(scene, SegmentOptions("aerial-landcover", patch=PatchRule("fixed", side), workers=1,
                 precision=precision, memory=20 * 10**9))
runtime = runtime_of(plan, "map")
runtime.infer(scene.pixels[None])
print(peak_memory())
"""


def tile_peak(side: int, precision: str) -> int:
    """Bytes at the peak of a process that scores one tile."""
    command = [sys.executable, "-c", ONE_TILE, str(side), precision]
    subprocess.run(command, check=True, capture_output=True)  # so that nothing is converted in the measured run
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def tiles() -> None:
    """Print a table of tiles."""
    print("| precision | patch px | peak MB | bytes for a further px |\n|---|---|---|---|")
    for precision in ("f32", "bf16"):
        peaks = {side: tile_peak(side, precision) for side in (512, 1024, 2048, 3072)}
        slopes = {b: (peaks[b] - peaks[a]) / (b**2 - a**2) for a, b in pairwise(peaks)}
        for side, peak in peaks.items():
            slope = f"{slopes[side]:.0f}" if side in slopes else ""
            print(f"| {precision} | {side} | {peak / 1e6:.0f} | {slope} |", flush=True)


def whole_run(scene: str, *options: str) -> dict[str, Any]:
    """Peak and prediction of `geoglm segment SCENE ...`, from its manifest, and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        command = [sys.executable, "-m", "geoglm", "segment", scene, "-o", str(output), "--quiet"]
        subprocess.run([*command, *options], check=True)
        manifest = json.loads((output / "manifest.json").read_text())
        seconds = json.loads((output / "summary.json").read_text())["seconds"]
    plan = manifest["plan"]
    return {
        "peak": manifest["peak_memory_mb"],
        "predicted": plan["predicted_memory_mb"],
        "patch": plan["patch_px"],
        "workers": plan["workers"],
        "seconds": round(sum(seconds.values())),
    }


def empty_scene(path: Path, side: int) -> None:
    """A scene of zeros that are valid: a sparse file, which takes no room whatever its size."""
    import rasterio
    from affine import Affine

    profile = {"driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint8", "crs": "EPSG:32633"}
    profile |= {"transform": Affine(0.5, 0, 4e5, 0, -0.5, 5e6), "bigtiff": "yes", "sparse_ok": True}
    profile |= {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate"}
    with rasterio.open(path, "w", **profile):
        pass


def scenes(plot: Path, sides: list[int], budgets: list[str]) -> None:
    """Print a table of runs, with the slopes from scene to scene, and draw it."""
    found: dict[str, list[tuple[float, dict[str, Any]]]] = {}
    print("| --memory | scene px | patch px | workers | peak MB | predicted MB | off | s |\n" + "|---" * 8 + "|")
    with tempfile.TemporaryDirectory() as folder:
        for budget in budgets:
            for side in sides:
                scene = Path(folder) / f"{side}.tif"
                empty_scene(scene, side)
                run = whole_run(str(scene), "--memory", budget, "--vectors", "none", "--model", "aerial-landcover")
                found.setdefault(budget, []).append((side**2 / 1e6, run))
                off, patch = run["predicted"] / run["peak"] - 1, " x ".join(map(str, run["patch"]))
                facts = (run["workers"], run["peak"], run["predicted"], f"{off:+.0%}", run["seconds"])
                print("| " + " | ".join(map(str, (budget, side, patch, *facts))) + " |", flush=True)
    for budget, runs in found.items():
        for (small, first), (large, last) in pairwise(sorted(runs, key=lambda r: r[0])):
            slope = (last["peak"] - first["peak"]) / (large - small) * 100
            print(f"{budget}, {small:.0f} to {large:.0f} Mpx: {slope:+.2f} MB for 100 Mpx more")
    draw(plot, found)


def draw(plot: Path, found: dict[str, list[tuple[float, dict[str, Any]]]]) -> None:
    """Peaks as lines with dots, predictions as crosses, budgets as dashes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from geoglm.options import parse_memory

    figure = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for k, (budget, runs) in enumerate(found.items()):
        size, peak = [s for s, _ in runs], [r["peak"] for _, r in runs]
        axes.plot(size, peak, "o-", color=f"C{k}", label=f"peak, --memory {budget}")
        axes.plot(size, [r["predicted"] for _, r in runs], "x", color=f"C{k}", label="predicted")
        axes.axhline(parse_memory(budget) / 1e6, color=f"C{k}", linestyle="--", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("scene, Mpx")
    axes.set_ylabel("resident memory, MB")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    figure.savefig(plot)


def main() -> None:
    """Do what is asked for."""
    if sys.argv[1:2] == ["--run"]:
        print(whole_run(*sys.argv[2:]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenes", type=Path)
    parser.add_argument("sides", nargs="*", type=int, default=[4096, 8192, 16384, 32768])
    parser.add_argument("--budgets", nargs="+", default=["1GB", "2GB", "4GB"])
    asked = parser.parse_args()
    if asked.scenes:
        scenes(asked.scenes, asked.sides, asked.budgets)
    else:
        tiles()


if __name__ == "__main__":
    main()
