"""Pictures of series: areas over time, and the maps side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.io.plots import figure_file
from geoglm.io.quicklook import coloured
from geoglm.types import LandClass

DPI = 110

COLUMNS = 4
"""Maps side by side."""


def draw_areas(
    path: Path,
    days: Sequence[date],
    smoothed: NDArray[np.float64],
    alone: NDArray[np.float64],
    legend: Sequence[LandClass],
    *,
    unit: str,
) -> None:
    """Areas of classes over time; dotted what each date says by itself, classes that never occur left out.

    Args:
        smoothed, alone: ``(date, class)`` areas.
    """
    with figure_file(path, (9, 5), dpi=DPI) as figure:
        axes = figure.subplots()
        for k, c in enumerate(legend):
            if smoothed[:, k].any() or alone[:, k].any():
                axes.plot(days, smoothed[:, k], color=c.colour, marker="o", markersize=4, label=c.name)
                axes.plot(days, alone[:, k], color=c.colour, linestyle=":", linewidth=1.2)
        axes.plot([], [], color="0.4", linestyle=":", linewidth=1.2, label="each date by itself")
        axes.tick_params(axis="x", rotation=30)
        axes.set_ylim(bottom=0)
        axes.set(ylabel="hectares" if unit == "ha" else "pixels", title="Areas of the classes over time")
        axes.grid(alpha=0.3)
        figure.legend(loc="outside right upper", frameon=False)


def draw_series(
    path: Path,
    maps: Sequence[tuple[str, NDArray[np.uint8]]],
    legend: Sequence[LandClass],
    first: NDArray[np.uint8],
    first_legend: Sequence[LandClass],
    *,
    shares: Sequence[float],
) -> None:
    """The smoothed maps in their order, and the map of first change.

    Args:
        maps: titles and ``(y, x)`` values of `legend`, 255 for none.
        first: ``(y, x)`` values of `first_legend`, 255 for none.
        shares: of the area, for each of `first_legend`.
    """
    from matplotlib.patches import Patch

    height, width = first.shape
    tall = float(np.clip(height / width, 0.25, 3.0))
    columns = min(COLUMNS, len(maps) + 1)
    rows = -(-(len(maps) + 1) // columns)
    pictures = [(title, coloured(codes, legend)) for title, codes in maps]
    pictures.append(("first change", coloured(first, first_legend)))
    with figure_file(path, (3.6 * columns, 3.6 * tall * rows + 0.4 * rows + 1.4), dpi=DPI) as figure:
        panels = np.ravel(figure.subplots(rows, columns))
        for axes in panels:
            axes.set_axis_off()
        for axes, (title, picture) in zip(panels, pictures, strict=False):
            axes.imshow(picture, interpolation="nearest")
            axes.set_title(title)
        there = np.unique(np.concatenate([codes.ravel() for _, codes in maps]))
        shown = [Patch(facecolor=c.colour, edgecolor="0.3", label=c.name) for c in legend if c.value in there]
        shown += [
            Patch(facecolor=c.colour, edgecolor="0.3", label=f"{c.name}  {share:.1%}")
            for c, share in zip(first_legend, shares, strict=True)
            if share
        ]
        if shown:
            figure.legend(handles=shown, loc="outside lower center", ncols=min(len(shown), 2 * columns), frameon=False)
