"""How long the map viewer takes over a map of 100,000 x 100,000 px: tiles near and far, areas, a pixel.

python benchmarks/viewer.py [FILE]      makes FILE (viewer-map.tif, about 30 MB, two minutes) where it is not there
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window

from geoglm.apps.viewer import serve

SIDE, BLOCK, STEP, FIELD = 100_000, 4096, 16_384, 64
COLOURS = ("#3f7fd0", "#d9c8a0", "#4f9d4f")


def make(path: Path) -> None:
    """Fields of three classes in blocks, with nothing between these, and overviews."""
    rng = np.random.default_rng(0)
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "uint8", "nodata": 255}
    tiles = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "SPARSE_OK": True}
    place = {"crs": "EPSG:32633", "transform": Affine(0.5, 0, 4e5, 0, -0.5, 5e6)}
    with rasterio.Env(SPARSE_OK_OVERVIEW="ON"):
        with rasterio.open(path, "w", **profile, **tiles, **place) as file:
            legend = [{"value": k, "name": f"kind {k}", "colour": c} for k, c in enumerate(COLOURS)]
            file.update_tags(CLASSES=json.dumps(legend))
            for top in range(0, SIDE, STEP):
                for left in range(0, SIDE, STEP):
                    height, width = min(BLOCK, SIDE - top), min(BLOCK, SIDE - left)
                    fields = rng.integers(0, 3, (BLOCK // FIELD,) * 2).astype(np.uint8)
                    pixels = fields.repeat(FIELD, 0).repeat(FIELD, 1)[:height, :width]
                    file.write(pixels, 1, window=Window(left, top, width, height))
        with rasterio.open(path, "r+") as file:
            file.build_overviews([2**k for k in range(1, 10)], Resampling.nearest)


def main(path: Path) -> None:
    """Ask as a browser does, one question after the other."""
    if not path.exists():
        make(path)
    rng, begun = np.random.default_rng(1), time.perf_counter()
    with serve(path) as viewer:
        print(f"start {time.perf_counter() - begun:.2f} s")
        layer = viewer.view.layers[0].key

        def seconds(question: str) -> float:
            start = time.perf_counter()
            with urllib.request.urlopen(viewer.url + question) as answer:
                answer.read()
            return time.perf_counter() - start

        seconds(f"tiles/{layer}/9/0/0.png")
        for level in range(10):
            most = -(-SIDE // (256 << level))
            places = rng.integers(0, most, (20, 2))
            took = [seconds(f"tiles/{layer}/{level}/{row}/{col}.png") for row, col in places]
            print(f"tiles of level {level}: median {np.median(took) * 1e3:.0f} ms, worst {max(took) * 1e3:.0f} ms")
        for side in (1000, 10_000, SIDE):
            question = f"areas?layer={layer}&top=0&left=0&bottom={side}&right={side}"
            print(f"areas of {side} x {side} px: {min(seconds(question) for _ in range(3)) * 1e3:.0f} ms")
        print(f"a pixel: {min(seconds('at?row=77&col=77') for _ in range(3)) * 1e3:.0f} ms")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "viewer-map.tif"))
