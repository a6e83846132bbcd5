"""A path that is no single raster: which scene it is, and the VRT that stacks it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import rasterio

from geoglm.errors import SceneNotFound, SceneUnreadable
from geoglm.io.grids.scene import grid_vrt, is_grid
from geoglm.io.guard.raster import UNREADABLE, opened_name
from geoglm.io.guard.trust import Trust
from geoglm.io.products.landsat import landsat_stack
from geoglm.io.products.listing import Listing
from geoglm.io.products.pattern import band_names, is_pattern, matching, shared_name
from geoglm.io.products.safe import safe_bands, safe_tags
from geoglm.io.products.stack import Asset, Band, stacked
from geoglm.io.remote import SceneRef

PACKED = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
"""How a zip is read: nothing in it is opened only because of its name."""
OPENERS = 4


@dataclass(frozen=True, slots=True)
class Product:
    """A scene in several files.

    Args:
        vrt: what GDAL is to open.
        files: of this machine that it draws on.
    """

    vrt: str
    files: tuple[Path, ...]


def is_product(path: Path) -> bool:
    """Whether a path is a folder, a zip, a pattern for files of bands, or a NetCDF file."""
    return path.is_dir() or is_pattern(path) or (is_zip(path) and path.is_file()) or is_grid(path)


def is_zip(path: Path) -> bool:
    """Whether a path is called a zip."""
    return path.suffix.lower() == ".zip"


def scene_stem(scene: SceneRef) -> str:
    """What results of a scene are called after: its name without suffix, of a pattern what its files share."""
    return shared_name(scene) if isinstance(scene, Path) and is_pattern(scene) else scene.stem


def product(path: Path, trust: Trust) -> Product:
    """The scene in a folder or zip (Sentinel-2 SAFE, Landsat Collection 2), in the files that a pattern names, or among
    the variables of a NetCDF file or Zarr store.

    Raises:
        SceneNotFound: no file fits the pattern.
        SceneUnreadable: it is no such product, or its files lie in several CRSs or turned.
        FileRefused: one of its files might do harm.
    """
    if is_grid(path):
        return Product(*grid_vrt(path, trust))
    files = matching(path, trust) if is_pattern(path) else Listing.of(path, trust)
    if not files.names and is_pattern(path):
        raise SceneNotFound(path)
    bands, tags, quality = safe_bands(files), None, None
    if bands:
        tags = safe_tags(files)
    else:
        bands, quality, tags = landsat_stack(files)
    if not bands and not is_pattern(path):
        kind = "zip" if files.zipped else "folder"
        raise SceneUnreadable(
            path,
            f"there is no Sentinel-2 (SAFE) or Landsat Collection 2 product in this {kind}; "
            "name a file, or bands by a pattern in quotes, such as 'folder/*_B*.tif'",
        )
    named = {files.gdal(n): n for n in files.names}
    taken = [b.file for b in bands] + ([quality.file] if quality else []) if bands else list(named)
    assets = _assets(path, files, [named[f] for f in dict.fromkeys(taken)], trust)
    bands = bands or _plain_bands(files, assets)
    return Product(
        stacked(bands, assets, tags=tags, quality=quality), tuple(dict.fromkeys(files.path(named[f]) for f in taken))
    )


def _plain_bands(files: Listing, assets: dict[str, Asset]) -> list[Band]:
    """All bands of files that are none of a product that is known."""
    counted = [
        (files.gdal(n), called, len(assets[files.gdal(n)].dtypes))
        for n, called in zip(files.names, band_names(files), strict=True)
    ]
    return [
        Band(file, number, (called if count == 1 else f"{called} {number}",))
        for file, called, count in counted
        for number in range(1, count + 1)
    ]


def _assets(path: Path, files: Listing, names: Sequence[str], trust: Trust) -> dict[str, Asset]:
    """The facts of the files that are taken, by GDAL's names for them."""

    def looked_at(name: str) -> tuple[str, Asset]:
        where = path if files.zipped else files.root / name
        drivers = files.admit(name)
        try:
            with (
                rasterio.Env(**(PACKED if files.zipped else {})),
                opened_name(files.gdal(name), drivers, where, trust) as dataset,
            ):
                return files.gdal(name), Asset.of(dataset, path, name)
        except UNREADABLE as error:
            raise SceneUnreadable(where, str(error.__cause__ or error)) from error

    with ThreadPoolExecutor(OPENERS) as pool:
        assets = dict(pool.map(looked_at, names))
    if len({a.crs for a in assets.values()}) > 1:
        raise SceneUnreadable(path, "its files lie in several coordinate reference systems; warp them to one first")
    return assets
