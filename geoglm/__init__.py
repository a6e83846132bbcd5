"""geoglm: satellite and aerial scenes of any size into land-cover maps.

>>> import geoglm
>>> scene = geoglm.open_scene("scene.tif")      # dask-backed xarray.DataArray     # doctest: +SKIP
>>> result = geoglm.segment("scene.tif")        # lazy xarray.Dataset              # doctest: +SKIP
>>> shapes = geoglm.vectorize(result.classes)   # geopandas.GeoDataFrame           # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from geoglm.version import __version__

if TYPE_CHECKING:
    from geoglm.errors import GeoglmError
    from geoglm.jobs.segment import segment_file
    from geoglm.jobs.view import load_model, open_scene, segment, vectorize

__all__ = ["GeoglmError", "__version__", "load_model", "open_scene", "segment", "segment_file", "vectorize"]

_HOMES = {
    "GeoglmError": "geoglm.errors",
    "load_model": "geoglm.jobs.view",
    "open_scene": "geoglm.jobs.view",
    "segment": "geoglm.jobs.view",
    "segment_file": "geoglm.jobs.segment",
    "vectorize": "geoglm.jobs.view",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that ``import geoglm`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'geoglm' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
