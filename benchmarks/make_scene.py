"""Make a large scene by laying a sample out again and again, mirrored so that its edges meet.

python benchmarks/make_scene.py SAMPLE SIDE OUTPUT [GSD]   a SIDE x SIDE GeoTIFF where the sample lies, with overviews;
                                                           with GSD, its pixels are said to be so many metres wide
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window


def main(sample: Path, side: int, output: Path, gsd: float | None = None) -> None:
    """Write it row of blocks by row of blocks."""
    with rasterio.open(sample) as source:
        pixels, profile = source.read(), source.profile
    mirrored = np.concatenate([pixels, pixels[:, ::-1]], axis=1)
    mirrored = np.concatenate([mirrored, mirrored[:, :, ::-1]], axis=2)
    across = np.arange(side) % mirrored.shape[2]
    profile |= {"width": side, "height": side, "tiled": True, "blockxsize": 512, "blockysize": 512}
    if gsd is not None:
        here = profile["transform"]
        profile["transform"] = Affine(gsd, 0, here.c, 0, -gsd, here.f)
    profile |= {"compress": "deflate", "bigtiff": "if_safer", "photometric": None}
    with rasterio.open(output, "w", **{k: v for k, v in profile.items() if v is not None}) as target:
        for top in range(0, side, 512):
            rows = np.arange(top, min(top + 512, side)) % mirrored.shape[1]
            target.write(mirrored[:, rows][:, :, across], window=Window(0, top, side, len(rows)))
    with rasterio.open(output, "r+") as target:
        target.build_overviews([2**k for k in range(1, max(2, (side // 512).bit_length()))], Resampling.average)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), *(float(g) for g in sys.argv[4:5]))
