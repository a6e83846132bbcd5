"""Peak resident memory of the network for growing patches, and of whole runs: what the planner's figures rest on.

python benchmarks/memory.py                    bytes for a pixel of a tile
python benchmarks/memory.py --run SCENE ...    peak of `geoglm segment SCENE ...`, with the plan's prediction
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ONE_TILE = """
import resource, sys
from pathlib import Path
import numpy as np
from geoglm.io.memory import ArrayScene
from geoglm.jobs.network import runtime_of
from geoglm.jobs.planning import make_plan
from geoglm.options import PatchRule, SegmentOptions
side, precision = int(sys.argv[1]), sys.argv[2]
scene = ArrayScene(np.random.default_rng(0).integers(0, 255, (3, side, side), dtype=np.uint8))
plan = make_plan(scene, SegmentOptions("aerial-landcover", patch=PatchRule("fixed", side), workers=1,
                 precision=precision, memory=20 * 10**9))
runtime = runtime_of(plan, "map")
runtime.infer(scene.pixels[None])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def tile_peak(side: int, precision: str) -> int:
    """Bytes at the peak of a process that scores one tile."""
    command = [sys.executable, "-c", ONE_TILE, str(side), precision]
    subprocess.run(command, check=True, capture_output=True)  # so that nothing is converted in the measured run
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def whole_run(arguments: list[str]) -> None:
    """Run `geoglm segment` and report the peak beside the prediction."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        command = [sys.executable, "-m", "geoglm", "segment", *arguments, "-o", str(output)]
        subprocess.run(command, check=True)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        plan = json.loads((output / "manifest.json").read_text())["plan"]
        seconds = json.loads((output / "summary.json").read_text())["seconds"]
    print(f"peak {peak / 1e6:.0f} MB, predicted {plan['predicted_memory_mb']} MB, patch {plan['patch_px']}, {seconds}")


def main() -> None:
    """Print a table."""
    if sys.argv[1:2] == ["--run"]:
        whole_run(sys.argv[2:])
        return
    print("| precision | patch px | peak MB | bytes for a further px |\n|---|---|---|---|")
    for precision in ("f32", "bf16"):
        before: tuple[int, int] | None = None
        for side in (256, 512, 1024, 2048):
            peak = tile_peak(side, precision)
            slope = "" if before is None else f"{(peak - before[1]) / (side**2 - before[0] ** 2):.0f}"
            print(f"| {precision} | {side} | {peak / 1e6:.0f} | {slope} |")
            before = side, peak


if __name__ == "__main__":
    main()
