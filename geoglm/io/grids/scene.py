"""A NetCDF file or a Zarr store as a scene: what GDAL is to open, a VRT of its bands on the grid that CF tells.

GDAL reads the pixels, chunk by chunk. Where these lie it is not asked: beside a third dimension called band it finds no
transform, and where it does not know y it turns rows over (``GDAL_NETCDF_BOTTOMUP`` is off: they stay as they are).
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import DatasetReader

from geoglm.errors import FileRefused, SceneUnreadable
from geoglm.io.grids.facts import Facts
from geoglm.io.grids.place import place
from geoglm.io.grids.store import is_store, store_files
from geoglm.io.grids.variables import Variable, band_names, chosen, variables_of
from geoglm.io.guard.kinds import driver_of, head_of, regular
from geoglm.io.guard.limits import SHARE, check_blocks
from geoglm.io.guard.probe import helper
from geoglm.io.guard.raster import SAFE, UNREADABLE, quiet
from geoglm.io.guard.trust import Trust
from geoglm.io.products.stack import Asset, Band, stacked

PLAIN_NAME = re.compile(r"\w[\w.+@-]*")
"""Names of variables that stand in a name of GDAL's and mean nothing else there."""


def is_grid(path: Path) -> bool:
    """Whether a path is a NetCDF file, by its first bytes, or a folder that is a Zarr store."""
    if path.is_dir():
        return is_store(path)
    return path.is_file() and driver_of(head_of(path)) == "netCDF"


def grid_vrt(path: Path, trust: Trust) -> tuple[str, tuple[Path, ...]]:
    """The VRT of the bands at `path`, and the files that it draws on.

    Raises:
        SceneUnreadable: no variables of it are bands of one scene, or it is damaged.
        FileRefused: it might do harm.
    """
    files = store_files(path, trust) if path.is_dir() else (regular(path),)
    whole = path.absolute()
    if re.search(r'["\\]', str(whole)) or str(whole).startswith("/vsi"):
        raise FileRefused(path, 'its path has a " or \\ in it, or begins with /vsi; rename or move it')
    driver = "Zarr" if path.is_dir() else "netCDF"
    told: Facts = helper.facts(whole)
    known = variables_of(told)
    layers = chosen(path, known)
    crs, transform = place(path, layers[0], known, told["axes"])
    bands, assets = [], {}
    for layer in layers:
        _check_chunk(path, layer, trust)
        if not PLAIN_NAME.fullmatch(layer.name):
            raise SceneUnreadable(path, f"the name {layer.name[:60]!r} has characters that GDAL takes amiss; rename it")
        name = f'ZARR:"{whole}":/{layer.name}' if driver == "Zarr" else f'NETCDF:"{whole}":{layer.name}'
        helper.try_out(whole, [driver], name=name)
        assets[name], names = _looked_at(path, name, driver, layer, trust)
        names = [layer.name] if len(layers) > 1 else names or band_names(layer, told["axes"])
        bands += [Band(name, k, (n,)) for k, n in enumerate(names, 1)]
    located = {name: _located(a, crs, transform) for name, a in assets.items()}
    return stacked(bands, located), files


def _looked_at(path: Path, name: str, driver: str, layer: Variable, trust: Trust) -> tuple[Asset, list[str]]:
    """What GDAL says of a variable, and the names of its bands where it knows them."""
    try:
        with quiet(), rasterio.Env(**SAFE), DatasetReader(name, driver=[driver]) as dataset:
            if dataset.shape != layer.shape[-2:] or dataset.count != math.prod(layer.shape[:-2]):
                raise SceneUnreadable(path, f"GDAL reads {layer} as {dataset.count} bands of {dataset.shape}")
            check_blocks(dataset, path, trust.memory)
            dtype = dataset.dtypes[0]
            unsigned = str(layer.attrs.get("_Unsigned", "")).lower() == "true"
            if dtype.startswith("complex") or (unsigned and not dtype.startswith("uint")):
                raise SceneUnreadable(path, f"the numbers of {layer.name} are {dtype}, marked as others; convert them")
            return _asset(dataset, layer), _words(dataset, layer)
    except UNREADABLE as error:
        raise SceneUnreadable(path, str(error.__cause__ or error)) from error


def _asset(dataset: Any, layer: Variable) -> Asset:
    """The facts of a variable, to be located."""
    count = dataset.count
    told = {"_FillValue", "missing_value"} & set(layer.attrs) or np.dtype(dataset.dtypes[0]).kind == "f"
    return Asset(
        crs="",
        origin=(0.0, 0.0),
        step=(1.0, -1.0),
        size=(dataset.width, dataset.height),
        block=dataset.block_shapes[0],
        dtypes=tuple(dataset.dtypes),
        # of integers only a value that is written down: NetCDF's own default, 65535 of uint16, may well be a pixel
        nodata=tuple(dataset.nodatavals) if told else (None,) * count,
        units=tuple(zip(dataset.scales, dataset.offsets, strict=True)),
    )


def _words(dataset: Any, layer: Variable) -> list[str]:
    """Names of bands as GDAL tells those of a store; none where they are numbers."""
    long = [d for d, n in zip(layer.dims[:-2], layer.shape[:-2], strict=True) if n > 1]
    words = [str(dataset.tags(k).get(f"DIM_{d}_VALUE", "")) for d in long[:1] for k in dataset.indexes]
    return words if words and all(re.search(r"[^\W\d]", w) and not _is_number(w) for w in words) else []


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _located(asset: Asset, crs: str | None, transform: Affine | None) -> Asset:
    if transform is None:
        return replace(asset, crs=crs or "")
    return replace(asset, crs=crs or "", origin=(transform.c, transform.f), step=(transform.a, -transform.e))


def _check_chunk(path: Path, layer: Variable, trust: Trust) -> None:
    """That a chunk, of all its dimensions, fits into the memory: any pixel of it takes all of it.

    Raises:
        FileRefused: it does not.
    """
    needed = math.prod(layer.chunk) * np.dtype(layer.dtype).itemsize if layer.chunk else 0
    if needed * SHARE > trust.memory:
        raise FileRefused(
            path,
            f"the chunks of {layer.name} {layer.chunk} take {needed / 1e6:,.0f} MB each, too much for a memory of "
            f"{trust.memory / 1e6:,.0f} MB; write smaller ones, or raise --memory",
        )
