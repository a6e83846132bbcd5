"""A very large scene that is mostly no data: time and memory, since empty shards are left out.

python benchmarks/empty_scene.py [SIDE] [options of geoglm segment]    100000 px a side by default, data in three places
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

from geoglm.io.blocks import BLOCK_PX

PATCH = 3000


def make(path: Path, side: int) -> None:
    """A sparse BigTIFF in which three places hold data."""
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint8", "nodata": 0}
    profile |= {"crs": "EPSG:32633", "transform": Affine(0.5, 0, 4e5, 0, -0.5, 5e6), "bigtiff": "yes"}
    profile |= {"sparse_ok": True, "tiled": True, "blockxsize": BLOCK_PX, "blockysize": BLOCK_PX, "compress": "deflate"}
    rng = np.random.default_rng(0)
    with rasterio.open(path, "w", **profile, interleave="pixel") as target:
        for share in (0.1, 0.5, 0.9):
            coarse = rng.integers(1, 255, (3, PATCH // 20, PATCH // 20), dtype=np.uint8)
            corner = int((side - PATCH) * share)
            target.write(coarse.repeat(20, axis=1).repeat(20, axis=2), window=Window(corner, corner, PATCH, PATCH))


def main(side: int, options: list[str]) -> None:
    """Print seconds and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        scene, output = Path(folder) / "sparse.tif", Path(folder) / "out"
        make(scene, side)
        began = time.perf_counter()
        command = [sys.executable, "-m", "geoglm", "segment", str(scene), "-o", str(output), "--vectors", "none"]
        subprocess.run([*command, "--quiet", *options], check=True)
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        plan = json.loads((output / "manifest.json").read_text())["plan"]
        valid = json.loads((output / "summary.json").read_text())["valid_pixels"]
        size = sum(p.stat().st_size for p in output.glob("*.tif"))
    print(
        f"{side} x {side} px, {valid / 1e6:.0f} Mpx with data, {plan['shards']} shards: {seconds:.0f} s, peak "
        f"{peak / 1e6:.0f} MB of {plan['predicted_memory_mb']} MB predicted, maps {size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100_000, sys.argv[2:])
