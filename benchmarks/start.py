"""From shell prompt to shell prompt: how long `geoglm segment` takes on a small scene once its network is cached.

python benchmarks/start.py [SCENE]    by default the shipped forest, 400 x 400 px; the median of five after a first run
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOREST = Path(__file__).parents[1] / "data-samples" / "neon-forest.tif"


def main(scene: Path) -> None:
    """Print seconds of the first run and of five more, and their CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        place = os.environ | {"GEOGLM_CACHE": f"{folder}/cache"}
        command = [
            str(Path(sys.executable).with_name("geoglm")),
            "segment",
            str(scene),
            "-o",
            f"{folder}/out",
            "--quiet",
        ]
        walls, spent = [], []
        for _ in range(6):
            wall, before = time.perf_counter(), os.times()
            subprocess.run(command, env=place, check=True)
            walls.append(time.perf_counter() - wall)
            after = os.times()
            spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
        again, cpu = statistics.median(walls[1:]), statistics.median(spent[1:])
        print(f"first {walls[0]:.2f} s, then {again:.2f} s ({cpu:.2f} s of CPU)")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOREST)
