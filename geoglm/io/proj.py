"""PROJ must find its database, or GDAL takes every CRS for a local one of that name, and says nothing."""

from __future__ import annotations

import os
from functools import cache

from geoglm.errors import ProjUnusable

KNOWN = 28992
"""An EPSG code that every PROJ database has, and nothing else knows."""


@cache
def check_proj() -> None:
    """See that GDAL knows what a CRS is.

    Raises:
        ProjUnusable: ``PROJ_DATA`` or ``PROJ_LIB`` leads it astray.
    """
    import rasterio
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        with rasterio.Env():
            CRS.from_epsg(KNOWN)
    except CRSError as error:
        strays = {n: os.environ[n] for n in ("PROJ_DATA", "PROJ_LIB") if n in os.environ}
        raise ProjUnusable(strays) from error
