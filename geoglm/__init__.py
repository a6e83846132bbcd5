"""geoglm: satellite and aerial scenes of any size into land-cover maps.

>>> import geoglm
>>> scene = geoglm.open_scene("scene.tif")      # dask-backed xarray.DataArray     # doctest: +SKIP
>>> result = geoglm.segment("scene.tif")        # lazy xarray.Dataset              # doctest: +SKIP
>>> shapes = geoglm.vectorize(result.classes)   # geopandas.GeoDataFrame           # doctest: +SKIP
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from geoglm.version import __version__

if TYPE_CHECKING:
    from geoglm.apps.explore import explore
    from geoglm.errors import GeoglmError
    from geoglm.jobs.change.run import change
    from geoglm.jobs.evaluate import evaluate
    from geoglm.jobs.explain.run import explain
    from geoglm.jobs.polygons import vectorize
    from geoglm.jobs.report.make import report
    from geoglm.jobs.sampling.assess import assess
    from geoglm.jobs.sampling.draw import sample
    from geoglm.jobs.segment import segment_file
    from geoglm.jobs.series.run import series
    from geoglm.jobs.training.files import train
    from geoglm.jobs.view import load_model, open_scene, segment

__all__ = [
    "GeoglmError",
    "__version__",
    "assess",
    "change",
    "evaluate",
    "explain",
    "explore",
    "load_model",
    "open_scene",
    "report",
    "sample",
    "segment",
    "segment_file",
    "series",
    "train",
    "vectorize",
]

_HOMES = {
    "GeoglmError": "geoglm.errors",
    "assess": "geoglm.jobs.sampling.assess",
    "change": "geoglm.jobs.change.run",
    "evaluate": "geoglm.jobs.evaluate",
    "explain": "geoglm.jobs.explain.run",
    "explore": "geoglm.apps.explore",
    "load_model": "geoglm.jobs.view",
    "open_scene": "geoglm.jobs.view",
    "report": "geoglm.jobs.report.make",
    "sample": "geoglm.jobs.sampling.draw",
    "segment": "geoglm.jobs.view",
    "segment_file": "geoglm.jobs.segment",
    "series": "geoglm.jobs.series.run",
    "train": "geoglm.train",
    "vectorize": "geoglm.jobs.polygons",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that ``import geoglm`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'geoglm' has no attribute {name!r}")
    home = import_module(_HOMES[name])
    value = home if name == "train" else getattr(home, name)
    globals()[name] = value
    return value


class _Verb(ModuleType):
    """The subpackage `geoglm.train`, which is also the verb of that name: see `geoglm.jobs.training.files.train`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from geoglm.jobs.training.files import train

        return train(*args, **kwargs)


class _Face(ModuleType):
    """Python binds a subpackage to its name here when it is first imported; the one called like a verb becomes it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "train" and isinstance(value, ModuleType):
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
