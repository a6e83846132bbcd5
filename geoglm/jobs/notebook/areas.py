"""Pixels and areas of classes, counted chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence

import dask
import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geoglm.jobs.notebook.bar import computing
from geoglm.jobs.result import class_table
from geoglm.stats.area import class_counts
from geoglm.types import GeoRef, LandClass

CHUNK_PX = 2048
"""Side of the chunks in which a map is counted that lies in memory."""


def areas(maps: xr.Dataset, legend: Sequence[LandClass], georef: GeoRef) -> pd.DataFrame:
    """See `geoglm.jobs.notebook.accessor.MapAccessor.areas`."""
    counts = row_counts(maps["classes"], [c.value for c in legend])
    table, _ = class_table(legend, counts, georef, maps.sizes["x"])
    rows = [(c.name, c.value, c.pixels, c.share, c.hectares) for c in table]
    frame = pd.DataFrame(rows, columns=["class", "value", "pixels", "share", "hectares"])
    return frame.astype({"hectares": float})


def row_counts(classes: xr.DataArray, values: Sequence[int]) -> NDArray[np.int32]:
    """``(y, value)`` pixels of each of `values` in each row; a chunk is forgotten as soon as it is counted."""
    data = classes.data if classes.chunks else da.from_array(classes.values, chunks=(CHUNK_PX, CHUNK_PX))
    blocks = data.to_delayed()
    count = dask.delayed(class_counts, pure=True)
    with computing("counting"):
        found = dask.compute(*(count(block, values) for block in blocks.ravel()))
    every = np.empty(len(found), object)
    every[:] = found
    rows = [np.sum(list(row), axis=0, dtype=np.int32) for row in every.reshape(blocks.shape)]
    counts: NDArray[np.int32] = np.concatenate(rows)
    return counts
