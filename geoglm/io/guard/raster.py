"""Rasters opened: by the driver that their own first bytes call for, after everything they name was looked through."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from geoglm.errors import FileRefused, SceneUnreadable
from geoglm.io.guard.kinds import driver_of, head_of, regular
from geoglm.io.guard.limits import check_blocks
from geoglm.io.guard.probe import helper
from geoglm.io.guard.sidecars import check_sidecars, check_tags
from geoglm.io.guard.trust import Trust
from geoglm.io.guard.vrt import check_vrt

SAFE = {
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "SIBLING_OR_CHILD_OF_VRT_PATH",
    "GDAL_NETCDF_BOTTOMUP": "NO",  # rows as they are; see `geoglm.io.grids`
}
"""Settings of GDAL that hold whatever the environment says."""

UNREADABLE = (RasterioError, CPLE_BaseError, OSError)
"""What rasterio raises of a file that is damaged; the second, its account of GDAL's errors, comes out of properties."""

SIGNED = ("GTiff", "JP2OpenJPEG", "VRT")
"""Drivers whose files are all known by their first bytes: what begins otherwise is none of theirs."""

_filters = threading.RLock()


@contextmanager
def quiet(category: type[Warning] = NotGeoreferencedWarning, message: str = "") -> Iterator[None]:
    """Warnings of one kind left out, by one thread at a time: Python keeps its filters for all threads together."""
    with _filters, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=message, category=category)
        yield


def admitted(path: Path, drivers: Sequence[str], trust: Trust) -> list[str]:
    """The drivers that may open the file at `path`, once it and what it draws on have been looked through.

    Args:
        drivers: that the caller takes; ``VRT`` among them stands for VRTs that pass.

    Raises:
        SceneNotFound: it is not there.
        SceneUnreadable: it is of another kind.
        FileRefused: it might do harm.
    """
    file = regular(path)
    kind = driver_of(head_of(file))
    if kind is not None and not trust.allows(kind, drivers):
        raise SceneUnreadable(path, f"it is of the kind {kind}; convert it to GeoTIFF, or use --allow-driver {kind}")
    if kind == "VRT":
        check_vrt(file, trust)
    check_sidecars(file, trust)
    wanted = [*drivers, *trust.drivers]
    fitting = [kind] if kind is not None else [d for d in wanted if d not in SIGNED]
    if fitting:
        helper.try_out(file, fitting)
    else:
        raise SceneUnreadable(
            path, f"it is of none of the kinds {', '.join(wanted)}; convert it, or see --allow-driver"
        )
    return fitting


def opened(path: Path, drivers: Sequence[str], trust: Trust) -> Any:
    """The raster at `path`, let in.

    Raises:
        SceneNotFound, SceneUnreadable, FileRefused: see `admitted`.
        RasterioIOError: GDAL cannot read it.
    """
    return opened_name(str(path.absolute()), admitted(path, drivers, trust), path, trust)


def opened_name(name: str, drivers: Sequence[str], where: object, trust: Trust) -> Any:
    """What GDAL knows as `name`, by one of `drivers`; nothing but its metadata is looked at.

    Args:
        where: what it is called in an error.

    Raises:
        FileRefused: its metadata point elsewhere, or its blocks take too much memory.
        RasterioIOError: GDAL cannot read it.
    """
    with quiet(), rasterio.Env(**SAFE):
        # rasterio.open takes one driver only; the class behind it takes the list
        dataset: Any = DatasetReader(name, driver=list(drivers))
    try:
        check_tags(dataset, where)
        check_blocks(dataset, where, trust.memory)
    except FileRefused:
        dataset.close()
        raise
    return dataset
