"""``geoglm doctor``: whether this machine has what geoglm needs, and how fast it is."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np

from geoglm.errors import GeoglmError
from geoglm.jobs.cache import cache_folder
from geoglm.tiling.shards import Shard
from geoglm.version import __version__

Health = Literal["good", "absent", "bad"]
NEEDED = ("numpy", "rasterio", "openvino", "numba", "xarray", "dask", "geopandas", "pyogrio", "pyarrow", "shapely")
EXTRAS = {"torch": "train", "nncf": "compress", "distributed": "cluster"}
"""Libraries that some commands need, and the extra that brings each."""
LEAST_FREE = 5 * 10**9
"""Bytes of disk below which a large scene may not fit."""
MODEL, SIDE_PX, SECONDS = "aerial-landcover", 1024, 2.0
"""What is timed: a scene of that side, for that long at least."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        what: was looked at.
        health: ``absent`` is what only some commands need, and ``bad`` what keeps geoglm from working.
        told: in one line, with the way out where there is something to mend.
    """

    what: str
    health: Health
    told: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def examine() -> Iterator[Finding]:
    """Every finding, one by one, since the last takes seconds."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (_program, _libraries, _extras, _geodesy, _machine, _speed)
    for check in checks:
        try:
            yield from check()
        except (GeoglmError, ImportError, OSError, RuntimeError) as error:
            yield Finding(check.__name__.removeprefix("_"), "bad", " ".join(str(error).split()))


def _program() -> Iterator[Finding]:
    yield Finding("geoglm", "good", f"{__version__} on Python {platform.python_version()}, {platform.platform()}")


def _libraries() -> Iterator[Finding]:
    there, missing = [], []
    for name in NEEDED:
        try:
            there.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    yield Finding("libraries", "good", ", ".join(there))
    if missing:
        yield Finding("libraries", "bad", f"{', '.join(missing)} missing; pip install --force-reinstall geoglm")


def _extras() -> Iterator[Finding]:
    for name, extra in EXTRAS.items():
        try:
            yield Finding(name, "good", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "absent", f'only some commands need it: pip install "geoglm[{extra}]"')


def _geodesy() -> Iterator[Finding]:
    """GDAL's and pyproj's PROJ, each of which may be led astray by PROJ_DATA or PROJ_LIB."""
    import pyproj
    import rasterio
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    strays = [f"{name}={os.environ[name]}" for name in ("PROJ_DATA", "PROJ_LIB", "GDAL_DATA") if name in os.environ]
    versions = f"GDAL {rasterio.__gdal_version__}, PROJ {pyproj.proj_version_str}"
    try:
        CRS.from_epsg(28992)
        pyproj.CRS.from_epsg(28992)
    except (CRSError, pyproj.exceptions.CRSError):
        way_out = f"unset {', '.join(strays)}" if strays else "reinstall rasterio and pyproj"
        yield Finding("GDAL and PROJ", "bad", f"{versions}: their databases do not know EPSG:28992; {way_out}")
        return
    yield Finding("GDAL and PROJ", "good", ", ".join([versions, *strays]))


def _machine() -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    yield Finding("memory", "good", f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free")
    for name, folder in (("working folder", Path.cwd()), ("cache", cache_folder())):
        place = next(p for p in (folder, *folder.parents) if p.exists())
        free = shutil.disk_usage(place).free
        if not os.access(place, os.W_OK):
            yield Finding(name, "bad", f"{folder} cannot be written; work elsewhere, or set GEOGLM_CACHE for the cache")
        else:
            told = f"{folder}, {free / 1e9:.0f} GB free"
            yield Finding(name, "good" if free > LEAST_FREE else "absent", told)


def _speed() -> Iterator[Finding]:
    """The shipped aerial model on pixels that lie ready, in as many threads as a run would have."""
    from geoglm.infer.openvino_runtime import arithmetic
    from geoglm.io.memory import ArrayScene
    from geoglm.jobs.network import predictor_of
    from geoglm.jobs.planning import make_plan
    from geoglm.options import SegmentOptions

    cores = os.cpu_count() or 1
    noise = np.random.default_rng(0).integers(0, 256, (3, SIDE_PX * cores, SIDE_PX), dtype=np.uint8)
    scene = ArrayScene(noise)
    plan = make_plan(scene, SegmentOptions(MODEL, shard_px=SIDE_PX))
    predictor = predictor_of(plan, layers=False)

    def work(shard: Shard, until: float) -> int:
        pixels, done = noise[(..., *shard.read.within(scene.meta.box))], 0
        while time.perf_counter() < until:
            predictor.score(shard, pixels, np.ones(pixels.shape[1:], np.bool_))
            done += shard.box.area
        return done

    mine = list(plan.layout)[: plan.workers]
    began = time.perf_counter()
    with ThreadPoolExecutor(plan.workers) as pool:
        done = sum(pool.map(work, mine, [began + SECONDS] * len(mine)))
    pace = done / (time.perf_counter() - began) / 1e6
    yield Finding("speed", "good", f"{pace:.1f} Mpx/s with {MODEL} in {plan.workers} threads, {arithmetic('auto')}")
