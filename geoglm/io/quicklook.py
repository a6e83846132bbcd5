"""The quicklook: scene, classes with legend, and confidence side by side, in one PNG."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.types import INVALID, LandClass


def stretched(pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``(band, y, x)`` to ``(y, x, 3)`` in 0…1: percentiles 1 to 99 of the valid pixels, white elsewhere."""
    shown = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    out = np.ones((*valid.shape, 3), np.float32)
    if valid.any():
        values = shown[:, valid].astype(np.float32)
        low, high = np.percentile(values, (1, 99))
        out[valid] = ((values - low) / max(float(high - low), 1e-9)).clip(0, 1).T
    return out


def coloured(classes: NDArray[np.uint8], scheme: Sequence[LandClass]) -> NDArray[np.uint8]:
    """``(y, x)`` class values to ``(y, x, 3)`` bytes, white where invalid."""
    table = np.full((256, 3), 255, np.uint8)
    for c in scheme:
        table[c.value] = c.rgb
    return table[classes]


def write_quicklook(
    path: Path,
    scene: NDArray[np.float32],
    classes: NDArray[np.uint8],
    confidence: NDArray[np.uint8],
    scheme: Sequence[LandClass],
    *,
    shares: dict[int, float],
    title: str,
) -> None:
    """Draw the three pictures.

    Args:
        scene: ``(y, x, 3)`` in 0…1.
        classes, confidence: ``(y, x)``, of any size with the same proportions.
        shares: class value → share of the valid area, for the legend.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    height, width = classes.shape
    tall = float(np.clip(height / width, 0.25, 3.0))
    figure = Figure(figsize=(15, 5 * tall + 1.1), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3)
    figure.suptitle(title)
    extent = (0, width, height, 0)
    left.imshow(scene, extent=extent, interpolation="nearest")
    left.set_title("scene")
    middle.imshow(coloured(classes, scheme), extent=extent, interpolation="nearest")
    middle.set_title("classes")
    handles = [
        Patch(facecolor=c.colour, edgecolor="0.3", label=f"{c.name}  {shares.get(c.value, 0):.1%}") for c in scheme
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6), frameon=False)
    shown = np.ma.masked_equal(confidence, INVALID)
    picture = right.imshow(shown, extent=extent, vmin=0, vmax=100, cmap="viridis", interpolation="nearest")
    right.set_title("confidence")
    figure.colorbar(picture, ax=right, label="%", shrink=0.8)
    for axes in (left, middle, right):
        axes.set_axis_off()
        axes.set_aspect("equal")
    with warnings.catch_warnings():
        # a scene's name may have letters that the font has not
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(path)
