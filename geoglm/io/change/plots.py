"""Pictures of change: before, after and change side by side, and the matrix of what became what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.io.plots import figure_file, rounded
from geoglm.io.quicklook import coloured
from geoglm.types import LandClass

DPI = 110

SHOWN = 12
"""Kinds of change named in a legend, the largest first."""


def draw_change(
    path: Path,
    pictures: tuple[NDArray[Any], NDArray[Any]],
    codes: NDArray[np.uint8],
    legend: Sequence[LandClass],
    *,
    titles: tuple[str, str],
    shares: dict[int, float],
) -> None:
    """Draw the three pictures.

    Args:
        pictures: both dates ``(y, x, 3)``.
        codes: ``(y, x)`` values of `legend`, 255 for none, of any size with the same proportions.
        titles: of both dates.
        shares: value → share of the valid area.
    """
    from matplotlib.patches import Patch

    height, width = codes.shape
    tall = float(np.clip(height / width, 0.25, 3.0))
    with figure_file(path, (15, 5 * tall + 1.1), dpi=DPI) as figure:
        panels = figure.subplots(1, 3)
        change = coloured(codes, legend)
        for axes, picture, title in zip(panels, (*pictures, change), (*titles, "change"), strict=True):
            axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
            axes.set_title(title)
            axes.set_axis_off()
        there = sorted((c for c in legend if shares.get(c.value)), key=lambda c: -shares[c.value])[:SHOWN]
        handles = [Patch(facecolor=c.colour, edgecolor="0.3", label=f"{c.name}  {shares[c.value]:.1%}") for c in there]
        if handles:
            figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), frameon=False)


def draw_matrix(path: Path, matrix: NDArray[np.float64], names: Sequence[str], unit: str) -> None:
    """A heat map of what became what; the diagonal, what stayed, is written but not coloured.

    Args:
        matrix: ``(from, to)`` areas.
    """
    changed = np.where(np.eye(len(names), dtype=bool), 0, matrix)
    side = 2.6 + 0.8 * len(names)
    with figure_file(path, (side + 0.8, side), dpi=DPI) as figure:
        axes = figure.subplots()
        top = float(changed.max()) or 1.0
        picture = axes.imshow(changed, vmin=0, vmax=top, cmap="OrRd")
        for (row, col), area in np.ndenumerate(matrix):
            if area:
                colour = "white" if changed[row, col] > 0.6 * top else ("0.45" if row == col else "black")
                axes.text(col, row, rounded(area), ha="center", va="center", color=colour, fontsize=8)
        axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel="after", ylabel="before", title=f"What became what, {unit}")
        figure.colorbar(picture, ax=axes, shrink=0.8)
