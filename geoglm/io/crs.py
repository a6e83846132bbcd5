"""A CRS in words that do not contradict each other."""

from __future__ import annotations

import re
from typing import Any


def own_words(crs: Any) -> str:
    """The WKT of a rasterio CRS, without codes where it is not what its code means.

    Software that changes a parameter of a CRS often leaves the code (``EPSG:32617``) as it was. GDAL then writes the
    code alone into a GeoTIFF, and the result lies elsewhere than its scene.

    Raises:
        CRSError: it is on another ellipsoid than its code, which a GeoTIFF cannot keep under names that are known.
    """
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    words = str(crs.to_wkt())
    named = re.search(r',AUTHORITY\["([^"]*)","([^"]*)"\]\]$', words)
    if named is None:
        return words
    try:
        meant = CRS.from_wkt(CRS.from_authority(*named.groups()).to_wkt())
    except CRSError:
        return words  # an authority that PROJ does not know
    if _ellipsoid(words) != _ellipsoid(meant.to_wkt()):
        raise CRSError(f"{':'.join(named.groups())} is on another ellipsoid")
    return words if meant == crs else re.sub(r',AUTHORITY\["[^"]*","[^"]*"\]', "", words)


def _ellipsoid(words: str) -> list[float]:
    """Semi-major axis (m) and inverse flattening of every ellipsoid named."""
    return [float(n) for pair in re.findall(r'SPHEROID\["[^"]*",([-+.\deE]+),([-+.\deE]+)', words) for n in pair]
