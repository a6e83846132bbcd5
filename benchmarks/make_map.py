"""Class maps to trace: patches of eight classes as in land cover, and the worst cases.

python benchmarks/make_map.py patches 4096 map.tif     19 thousand regions at 4096
python benchmarks/make_map.py noise 4096 map.tif       every pixel one of two classes at random
python benchmarks/make_map.py holes 2050 map.tif       one region with a hole of one pixel at every other place
python benchmarks/make_map.py spiral 4096 map.tif      one region a pixel wide, on no data
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

BLOCK = 4096


def patches(side: int = BLOCK, classes: int = 8, spread: float = 14.15, seed: int = 0) -> NDArray[np.uint8]:
    """Where the smoothed noise of which class is greatest; periodic, so that copies side by side make no seam."""
    rng = np.random.default_rng(seed)
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    smooth = np.exp(-2 * (np.pi * spread) ** 2 * (down**2 + across**2)).astype(np.float32)
    best, classed = np.full((side, side), -np.inf, np.float32), np.zeros((side, side), np.uint8)
    for k in range(classes):
        noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side), np.float32)) * smooth, s=(side, side))
        classed[noise > best] = k
        best = np.maximum(best, noise)
    return classed


def noise(side: int) -> NDArray[np.uint8]:
    """Two classes, pixel by pixel."""
    return np.random.default_rng(0).integers(0, 2, (side, side), np.uint8)


def holes(side: int) -> NDArray[np.uint8]:
    """One region, pierced (side / 2 - 1)² times."""
    pierced = np.zeros((side, side), np.uint8)
    pierced[1:-2:2, 1:-2:2] = 1
    return pierced


def spiral(side: int) -> NDArray[np.uint8]:
    """One region of one pixel's width that winds inwards, and the same of no data beside it."""
    away = np.minimum(np.arange(side), np.arange(side)[::-1])
    rings = np.minimum.outer(away, away)
    wound = np.where(rings % 2 == 0, np.uint8(1), np.uint8(255))
    for k in range(0, side // 2 - 1, 2):  # every ring is opened at its corner and led into the next
        wound[k + 1, k] = 255
        wound[k + 2, k + 1] = 1
    return wound


MAPS: dict[str, Callable[[int], NDArray[np.uint8]]] = {"noise": noise, "holes": holes, "spiral": spiral}


def write_map(kind: str, side: int, path: Path) -> Path:
    """A map of that kind as a GeoTIFF; patches beyond 4096 px are copies of one block side by side."""
    profile = {
        "driver": "GTiff", "height": side, "width": side, "count": 1, "dtype": "uint8", "nodata": 255,
        "crs": "EPSG:32633", "transform": Affine(1, 0, 400_000, 0, -1, 5_000_000), "tiled": True, "blockxsize": 512,
        "blockysize": 512, "compress": "deflate", "zlevel": 1, "bigtiff": "if_safer",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        for top, left, block in _blocks(kind, side):
            target.write(block, 1, window=Window(left, top, block.shape[1], block.shape[0]))
    return path


def _blocks(kind: str, side: int) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    if kind != "patches":
        yield 0, 0, MAPS[kind](side)
        return
    block = patches()
    for top in range(0, side, BLOCK):
        for left in range(0, side, BLOCK):
            yield top, left, block[: side - top, : side - left]


if __name__ == "__main__":
    write_map(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
