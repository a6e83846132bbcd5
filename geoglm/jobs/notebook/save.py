"""Lazy maps into files, through an array on the disk, so that they need not fit into memory."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geoglm.io.cog import array_blocks, write_cog
from geoglm.io.journal import Stage
from geoglm.io.scratch import scratch_array
from geoglm.io.style_files import style_classes, style_percent
from geoglm.jobs.manifest import made_by
from geoglm.jobs.maps import UNITS, layers_of
from geoglm.jobs.notebook.bar import computing
from geoglm.jobs.report.beside import write_beside
from geoglm.jobs.result import SegmentResult, class_table
from geoglm.stats.area import class_counts
from geoglm.types import INVALID, GeoRef, LandClass


def save(maps: xr.Dataset, legend: Sequence[LandClass], georef: GeoRef, folder: Path, *, report: bool) -> SegmentResult:
    """See `geoglm.jobs.notebook.accessor.MapAccessor.save`."""
    began = time.monotonic()
    output = folder.resolve()
    stage = Stage(output, f"notebook {time.time_ns()}")  # nothing tells whether lazy maps are those of an earlier run
    with stage.held():
        arrays = _computed(maps, stage.folder)
        shape = arrays["classes"].shape
        layers = layers_of(legend, arrays)
        for name, layer in layers.items():
            path, block = stage.drafts / f"{name}.tif", array_blocks(arrays[name], layer.overviews)
            write_cog(path, (shape[0], shape[1]), georef, layer, block)
            if name == "classes":
                style_classes(path, legend)
            elif name != "probabilities":
                style_percent(path)
        counts = class_counts(arrays["classes"], [c.value for c in legend])
        table, valid = class_table(legend, counts, georef, shape[1])
        seconds, notes = {"computing": time.monotonic() - began}, tuple(maps.attrs.get("notes", ()))
        result = SegmentResult(output, table, valid, shape[0] * shape[1] - valid, seconds, notes, 0)
        text = json.dumps(result.as_dict(), indent=2) + "\n"
        (stage.drafts / "summary.json").write_text(text, encoding="utf-8")
        stage.commit(_manifest(maps), partial(write_beside, name=output.name, days=(), page=report))
    return result


def _computed(maps: xr.Dataset, folder: Path) -> dict[str, NDArray[np.uint8]]:
    """All layers as bytes, in files of `folder`; each shard is scored once for all of them."""
    names = [n for n in ("classes", "confidence", "probabilities", *UNITS) if n in maps]
    sources = [da.asarray(maps[n].data) for n in names]
    shares = [
        s if n == "classes" else s.map_blocks(_percent, dtype=np.uint8) for n, s in zip(names, sources, strict=True)
    ]
    arrays = {n: scratch_array(folder / f"{n}.npy", np.uint8, s.shape) for n, s in zip(names, shares, strict=True)}
    with computing("segmenting"):
        da.store(shares, list(arrays.values()), lock=False)
    return arrays


def _percent(share: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Shares 0…1 as whole percent, 255 for NaN."""
    known = ~np.isnan(share)
    percent: NDArray[np.uint8] = np.where(known, np.rint(100 * np.where(known, share, 0)), INVALID).astype(np.uint8)
    return percent


def _manifest(maps: xr.Dataset) -> dict[str, Any]:
    """What the maps say of where they come from."""
    told = maps.attrs
    return made_by() | {
        "command": sys.argv[:1],
        "scene": {"path": told.get("path") or told.get("scene")},
        "model": {k: told.get(a) for k, a in (("name", "model"), ("version", "model_version"))},
        "plan": json.loads(told.get("plan", "{}")),
    }
