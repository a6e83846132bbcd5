"""Plots of an evaluation: which classes are taken for which, IoU by resolution, and confidence against success."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from geoglm.io.plots import figure_file
from geoglm.stats.calibration import BINS
from geoglm.stats.evaluation import Evaluation

FEW = 1e-4
"""Share of pixels up to which the accuracy of a bin is left to chance, and not drawn."""


def draw_confusion(path: Path, evaluation: Evaluation) -> None:
    """The confusion matrix at the scene's own resolution, each row in percent of the class's labelled pixels."""
    counts, names = evaluation.own.confusion, evaluation.classes
    rows = counts.sum(axis=1, keepdims=True)
    share = np.divide(100 * counts, rows, out=np.zeros(counts.shape), where=rows > 0)
    side = 2.6 + 0.75 * len(names)
    with _axes(path, (side + 0.8, side)) as axes:
        picture = axes.imshow(share, vmin=0, vmax=100, cmap="Blues")
        for (row, col), value in np.ndenumerate(share):
            if counts[row, col]:
                colour = "white" if value > 55 else "black"
                axes.text(col, row, f"{value:.0f}" if value >= 0.5 else "<1", ha="center", va="center", color=colour)
        axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
        axes.set_yticks(range(len(names)), [f"{n}\n{k:,} px" for n, k in zip(names, rows[:, 0], strict=True)])
        axes.set(xlabel="map", ylabel="reference", title="Where the reference's pixels went, %")
        axes.figure.colorbar(picture, ax=axes, shrink=0.8)


def draw_iou(path: Path, evaluation: Evaluation) -> None:
    """IoU of every class that the reference has, and their mean, side by side for every resolution."""
    scales = sorted(evaluation.by_scale)
    there = [k for k, n in enumerate(evaluation.own.confusion.sum(axis=1)) if n]
    names = [*(evaluation.classes[k] for k in there), "mean"]
    shades = ("#9ecae1", "#4292c6", "#084594", "#6baed6", "#2171b5", "#c6dbef")
    width = 0.8 / len(scales)
    with _axes(path, (2.5 + 1.1 * len(names), 4.2)) as axes:
        for k, scale in enumerate(scales):
            agreement = evaluation.by_scale[scale]
            heights = [*np.nan_to_num(agreement.iou[there]), np.nan_to_num(agreement.miou)]
            places = np.arange(len(names)) + (k - (len(scales) - 1) / 2) * width
            bars = axes.bar(places, heights, width, color=shades[k % len(shades)], label=f"{scale:g}×")
            axes.bar_label(bars, [f"{h:.2f}" for h in heights], fontsize=7, padding=1)
        axes.set_xticks(range(len(names)), names)
        axes.set(ylim=(0, 1.05), ylabel="IoU", title="IoU by resolution (0.5×: half as many pixels a side, coarser)")
        axes.legend(frameon=False, ncols=len(scales), loc="upper right")


def draw_reliability(path: Path, evaluation: Evaluation) -> None:
    """Accuracy of pixels by their confidence, with the share of pixels in each bin; on the line, confidence is true."""
    own = evaluation.own
    pixels, certain, right = own.reliability.sums.T
    centres, filled = (np.arange(BINS) + 0.5) / BINS, pixels > FEW * pixels.sum()
    accuracy = np.divide(right, pixels, out=np.zeros(BINS), where=filled)
    with _axes(path, (5.2, 5.0)) as axes:
        axes.bar(centres, pixels / pixels.sum(), 1 / BINS, color="0.85", label="share of pixels")
        axes.plot([0, 1], [0, 1], color="0.4", lw=1, ls="--", label="as sure as right")
        axes.plot(certain[filled] / pixels[filled], accuracy[filled], "o-", color="#084594", label="accuracy")
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy")
        axes.set_title(f"Reliability: expected calibration error {own.calibration_error:.3f}")
        axes.set_aspect("equal")
        axes.legend(frameon=False, loc="upper left")


@contextmanager
def _axes(path: Path, size: tuple[float, float]) -> Iterator[Any]:
    """Empty axes that become a PNG."""
    with figure_file(path, size, dpi=120) as figure:
        yield figure.subplots()
