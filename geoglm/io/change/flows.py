"""A picture of what became what: ribbons from the classes before to the classes after (a Sankey diagram)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.io.plots import figure_file, rounded
from geoglm.types import LandClass

GAP = 0.03
"""Space between neighbouring classes, as a share of all that changed."""

BAR = 0.03
"""Width of a class's bar; the ribbons are 1 long."""


def draw_flows(path: Path, matrix: NDArray[np.float64], classes: Sequence[LandClass], unit: str) -> None:
    """Draw a ribbon for every change, as wide as its area, in the colour of the class that was lost.

    What stayed is left out: it would leave no room for what changed.

    Args:
        matrix: ``(from, to)`` areas in `unit`.
        classes: in the order of the matrix.
    """
    changed = np.where(np.eye(len(classes), dtype=bool), 0, matrix)
    total = float(changed.sum())
    with figure_file(path, (8, 4.5 + 0.15 * len(classes)), dpi=110) as figure:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_title(f"What changed: {rounded(total)} {unit}")
        if not total:
            return
        shares = changed / total
        starts, ends = _stacked(shares.sum(axis=1)), _stacked(shares.sum(axis=0))
        for k, c in enumerate(classes):
            lost, gained = f"{c.name}  −{rounded(changed[k].sum())}", f"+{rounded(changed[:, k].sum())}  {c.name}"
            _bar(axes, c, lost, left=-BAR, top=starts[k], tall=shares[k].sum())
            _bar(axes, c, gained, left=1.0, top=ends[k], tall=shares[:, k].sum())
        for before, after in zip(*np.nonzero(shares), strict=True):
            wide = shares[before, after]
            _ribbon(axes, starts[before], ends[after], wide, classes[before].colour)
            starts[before] += wide
            ends[after] += wide
        axes.set(xlim=(-0.45, 1.45), ylim=(max(_height(shares.sum(axis=k)) for k in (0, 1)), -GAP))


def _stacked(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the bar of each class begins, from the top; those of no size take no room."""
    room = np.where(shares > 0, shares + GAP, 0)
    begins: NDArray[np.float64] = np.cumsum(room) - room
    return begins


def _height(shares: NDArray[np.float64]) -> float:
    return 1 + GAP * int((shares > 0).sum())


def _bar(axes: Any, kind: LandClass, text: str, *, left: float, top: float, tall: float) -> None:
    """A class on one of both sides, with its name and how much of it was lost or gained."""
    if not tall:
        return
    axes.bar(left, tall, BAR, bottom=top, align="edge", color=kind.colour, edgecolor="0.3", linewidth=0.5)
    outside, side = (left - 0.015, "right") if left < 0 else (left + BAR + 0.015, "left")
    axes.text(outside, top + tall / 2, text, ha=side, va="center", fontsize=9, parse_math=False)


def _ribbon(axes: Any, start: float, end: float, wide: float, colour: str) -> None:
    """A band that leaves and arrives level."""
    x = np.linspace(0, 1, 60)
    y = start + (end - start) * x**2 * (3 - 2 * x)
    axes.fill_between(x, y, y + wide, color=colour, alpha=0.55, linewidth=0)
