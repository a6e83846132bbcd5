"""Classes and confidence side by side, in matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from geoglm.io.quicklook import coloured
from geoglm.jobs.notebook.bar import computing
from geoglm.types import LandClass


def draw(maps: xr.Dataset, legend: Sequence[LandClass], *, side_px: int, width: float) -> Any:
    """See `geoglm.jobs.notebook.accessor.MapAccessor.plot`."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    height, across = maps.sizes["y"], maps.sizes["x"]
    step = max(1, -(-max(height, across) // side_px))
    thin = slice(step // 2 if step // 2 < min(height, across) else 0, None, step)
    with computing("segmenting"):
        seen = maps[["classes", "confidence"]].isel(y=thin, x=thin).compute()
    tall = 0.46 * width * min(height / across, 3.0) + 0.8
    figure, axes = plt.subplots(1, 2, figsize=(width, tall), layout="constrained")
    axes[0].imshow(coloured(seen["classes"].values, legend), interpolation="nearest")
    percent = axes[1].imshow(100 * seen["confidence"].values, vmin=0, vmax=100, interpolation="nearest")
    figure.colorbar(percent, ax=axes[1], label="%", shrink=0.8)
    patches = [Patch(facecolor=c.colour, edgecolor="grey", label=c.name) for c in legend]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(len(patches), 8), frameon=False)
    for axis, name in zip(axes, ("classes", "confidence"), strict=True):
        axis.set(title=name, xticks=[], yticks=[], anchor="N")
    return np.asarray(axes)
