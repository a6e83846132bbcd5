"""Explanations drawn beside the image: covered squares, bands, the smallest change, and what the context heeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.io.plots import figure_file
from geoglm.io.quicklook import coloured
from geoglm.types import LandClass

DPI = 110
FOR, AGAINST = "#b2182b", "#2166ac"
"""What speaks for the class, and against it: the ends of matplotlib's RdBu."""

Picture = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def draw_occlusion(
    path: Path,
    pictures: tuple[Picture, NDArray[np.uint8]],
    inside: Mask,
    drops: NDArray[np.float64],
    *,
    scheme: Sequence[LandClass],
    cell_px: int,
    title: str,
    unit: str,
) -> None:
    """The image, its classes, and over its grey self by how much the odds fall when each square is covered.

    Args:
        pictures: image ``(y, x, 3)`` in 0…1, and ``(y, x)`` values of `scheme`.
        inside: ``(y, x)`` the target.
        drops: ``(rows, cols)`` of squares of `cell_px`.
    """
    from matplotlib.patches import Patch

    (height, width), (picture, classes) = inside.shape, pictures
    with figure_file(path, _size(inside.shape, panels=3, extra=1.2), dpi=DPI) as figure:
        panels = figure.subplots(1, 3)
        _show(panels[0], picture, inside)
        panels[0].set_title("image, and what is explained")
        _show(panels[1], coloured(classes, scheme).astype(np.float32) / 255, inside)
        panels[1].set_title("what the model makes of it")
        there = [Patch(facecolor=c.colour, edgecolor="0.3", label=c.name) for c in scheme if (classes == c.value).any()]
        figure.legend(handles=there, loc="outside lower center", ncols=min(len(there), 9), frameon=False, fontsize=9)
        panels = panels[1:]
        _show(panels[1], _grey(picture), inside)
        most = float(np.abs(drops).max()) or 1.0
        reach = (0, drops.shape[1] * cell_px, drops.shape[0] * cell_px, 0)
        strength = np.clip(np.abs(drops) / most * 1.6, 0.0, 0.85)
        shown = panels[1].imshow(drops, cmap="RdBu_r", vmin=-most, vmax=most, alpha=strength, extent=reach)
        panels[1].set(xlim=(0, width), ylim=(height, 0), title="what happens when a square is covered")
        shown = figure.colorbar(_scale(most), ax=panels[1], shrink=0.8, label=unit)
        shown.ax.tick_params(labelsize=8)
        figure.suptitle(title)


def draw_bands(
    path: Path,
    picture: Picture,
    inside: Mask,
    shares: Sequence[tuple[str, float, float]],
    *,
    title: str,
    unit: str,
    ends: tuple[float, float],
) -> None:
    """The image, and a bar for each band.

    Args:
        shares: name, Shapley value and standard error of each band.
        ends: what the odds are without any band, and with all.
    """
    with figure_file(path, _size(inside.shape, panels=2, extra=0.8), dpi=DPI) as figure:
        panels = figure.subplots(1, 2)
        _show(panels[0], picture, inside)
        panels[0].set_title("image, and what is explained")
        _bars(panels[1], [n for n, _, _ in shares], [v for _, v, _ in shares], errors=[e for _, _, e in shares])
        panels[1].set_xlabel(f"{unit}\nwithout any band {ends[0]:+.2f}, with all {ends[1]:+.2f}")
        panels[1].set_title("what each band adds (Shapley values)")
        figure.suptitle(title)


def draw_change(
    path: Path,
    pictures: tuple[Picture, Picture],
    masks: tuple[Mask, Mask],
    changes: Sequence[tuple[str, float, str]],
    *,
    title: str,
) -> None:
    """The image before and after the smallest change that flips the class, and a bar for each band.

    Args:
        masks: ``(y, x)`` of the target, and of the pixels that change.
        changes: name, change in standard deviations, and the same in pixel values as text.
    """
    inside, region = masks
    with figure_file(path, _size(inside.shape, panels=3, extra=0.8), dpi=DPI) as figure:
        panels = figure.subplots(1, 3)
        for axes, picture, name in zip(panels, pictures, ("as it is", "after the change"), strict=False):
            _show(axes, picture, inside)
            if region.any() and not region.all():
                _outline(axes, region, "#ffd92f")
            axes.set_title(name)
        _bars(panels[2], [n for n, _, _ in changes], [v for _, v, _ in changes], texts=[t for _, _, t in changes])
        panels[2].set_xlabel(
            "change in standard deviations of the window;\nbeside the bars: mean pixel values before and after"
        )
        panels[2].set_title("smallest change of the outlined pixels")
        figure.suptitle(title)


def draw_context(
    path: Path,
    picture: Picture,
    inside: Mask,
    maps: Sequence[tuple[str, NDArray[np.float64]]],
    *,
    cell_px: int,
    title: str,
) -> None:
    """The image, and each of several maps over its grey self.

    Args:
        maps: name and ``(y, x)`` values in 0…1, a cell of `cell_px` each.
    """
    across = min(4, len(maps) + 1)
    down = -(-(len(maps) + 1) // across)
    width, height = _size(inside.shape, panels=across, extra=0.5)
    with figure_file(path, (width * 0.8, (height * down) * 0.8), dpi=DPI) as figure:
        panels = np.asarray(figure.subplots(down, across, squeeze=False)).ravel()
        for axes in panels:
            axes.set_axis_off()
        _show(panels[0], picture, inside)
        panels[0].set_title("image, and what is explained", fontsize=9)
        for axes, (name, values) in zip(panels[1:], maps, strict=False):
            _show(axes, _grey(picture), inside)
            reach = (0, values.shape[1] * cell_px, values.shape[0] * cell_px, 0)
            shown = axes.imshow(values, cmap="viridis", vmin=0, alpha=0.6, extent=reach)
            axes.set(xlim=(0, inside.shape[1]), ylim=(inside.shape[0], 0))
            axes.set_title(name, fontsize=9)
            figure.colorbar(shown, ax=axes, shrink=0.7).ax.tick_params(labelsize=7)
        figure.suptitle(title)


def draw_importance(
    path: Path,
    picture: Picture,
    drops: NDArray[np.float64],
    bands: Sequence[str],
    *,
    title: str,
) -> None:
    """The scene, and by how much the model is less sure without each band.

    Args:
        drops: ``(band, rows, cols)`` falls in probability, NaN where there is no data.
    """
    across = min(4, len(bands) + 1)
    down = -(-(len(bands) + 1) // across)
    width, height = _size(drops.shape[1:], panels=across, extra=0.5)
    seen = np.abs(drops[np.isfinite(drops)])
    most = float(np.percentile(seen, 99)) if seen.size else 0.0
    most = max(most, 0.01)
    with figure_file(path, (width * 0.8, (height * down) * 0.8), dpi=DPI) as figure:
        panels = np.asarray(figure.subplots(down, across, squeeze=False)).ravel()
        for axes in panels:
            axes.set_axis_off()
        panels[0].imshow(picture, interpolation="nearest")
        panels[0].set_title("scene", fontsize=9)
        for axes, band, values in zip(panels[1:], bands, drops, strict=False):
            axes.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
            mean = float(np.nanmean(values)) if np.isfinite(values).any() else 0.0
            axes.set_title(f"without {band}: {100 * mean:+.1f} points on average", fontsize=9)
        figure.colorbar(_scale(most), ax=list(panels), shrink=0.7, label="fall in the probability of the class")
        figure.suptitle(title)


def _size(shape: tuple[int, ...], *, panels: int, extra: float) -> tuple[float, float]:
    """Inches of a figure of so many panels of the proportions of `shape`."""
    tall = float(np.clip(shape[0] / shape[1], 0.4, 2.0))
    return 5.0 * panels, 4.6 * tall + extra


def _show(axes: Any, picture: Picture, inside: Mask) -> None:
    """A picture with the target marked."""
    height, width = inside.shape
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    axes.set_axis_off()
    if inside.sum() == 1:
        row, col = np.argwhere(inside)[0]
        axes.plot(col + 0.5, row + 0.5, marker="o", ms=11, mfc="none", mec="black", mew=3.0)
        axes.plot(col + 0.5, row + 0.5, marker="o", ms=11, mfc="none", mec="white", mew=1.5)
    elif not inside.all():
        _outline(axes, inside, "white")


def _outline(axes: Any, mask: Mask, colour: str) -> None:
    """A line around the pixels of a mask."""
    height, width = mask.shape
    reach = (0.5, max(width - 0.5, 1), 0.5, max(height - 0.5, 1))  # of the centres of the first and the last pixel
    if min(mask.shape) > 1:
        axes.contour(mask, levels=[0.5], colors=colour, linewidths=1.2, extent=reach)


def _grey(picture: Picture) -> Picture:
    grey: Picture = (0.35 + 0.6 * picture.mean(axis=-1, keepdims=True)).repeat(3, axis=-1).clip(0, 1)
    return grey


def _scale(most: float) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(-most, most), "RdBu_r")


def _bars(
    axes: Any,
    names: Sequence[str],
    values: Sequence[float],
    *,
    errors: Sequence[float] | None = None,
    texts: Sequence[str] | None = None,
) -> None:
    """Bars from the first name downwards, each with its number."""
    rows = np.arange(len(names))
    whiskers = errors if errors is not None and any(errors) else None
    axes.barh(rows, values, xerr=whiskers, color=[FOR if v >= 0 else AGAINST for v in values])
    for row, value in enumerate(values):
        text = texts[row] if texts else f"{value:+.2f}"
        axes.annotate(
            text, (value, row), (4 if value >= 0 else -4, 0), textcoords="offset points", va="center",
            ha="left" if value >= 0 else "right", fontsize=9,
        )  # fmt: skip
    axes.axvline(0, color="0.3", lw=0.8)
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.margins(x=0.55 if texts else 0.25)
    axes.spines[["top", "right"]].set_visible(False)
