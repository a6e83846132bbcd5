"""Explanations as files: one picture for each part, and a map for a scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.io.explain.pictures import (
    Picture,
    draw_bands,
    draw_change,
    draw_context,
    draw_importance,
    draw_occlusion,
)
from geoglm.io.explain.raster import write_floats
from geoglm.io.quicklook import stretched
from geoglm.io.source import Source
from geoglm.jobs.explain.record import Explanation, Importance
from geoglm.registry.match import shown_bands

SHOWN_PX = 1200
"""Longer side of a scene in a picture."""


def draw_place(folder: Path, found: Explanation, source: Source) -> None:
    """The pictures of an explanation, each beside the image."""
    before, after = _pictures(found, source)
    verdict, inside = found.verdict, found.inside
    title = f"{found.scene}: {verdict.chosen.name} rather than {verdict.rival.name} at {found.target}"
    unit = f"log-odds of {verdict.chosen.name} over {verdict.rival.name}"
    draw_occlusion(
        folder / "occlusion.png",
        (before, found.classes),
        inside,
        found.occlusion,
        scheme=found.scheme,
        cell_px=found.cell_px,
        title=title,
        unit=f"fall of the {unit}",
    )
    shares = list(zip(found.bands, found.shares.shares.tolist(), found.shares.errors.tolist(), strict=True))
    ends = (found.shares.nobody, found.shares.everyone)
    draw_bands(folder / "bands.png", before, inside, shares, title=title, unit=unit, ends=ends)
    if (change := found.change) is not None:
        changes = [
            (band, float(change.spread[k]), f"{change.before[k]:.4g} → {change.before[k] + change.raw[k]:.4g}")
            for k, band in enumerate(found.bands)
        ]
        draw_change(
            folder / "counterfactual.png",
            (before, after),
            (inside, change.region),
            changes,
            title=f"{found.scene}: what would make {verdict.chosen.name} {change.into.name} at {found.target}",
        )
    if found.context is not None:
        tokens = len(found.context.attention)
        maps = [("gate: how much is let through", found.context.gate)]
        maps += [(f"attention to token {k + 1} of {tokens}", found.context.attention[k]) for k in range(tokens)]
        side = found.context.cell_px
        draw_context(folder / "context.png", before, inside, maps, cell_px=side, title=f"{title}: context")


def _pictures(found: Explanation, source: Source) -> tuple[Picture, Picture]:
    """The window ``(y, x, 3)`` as it is, and after the smallest change, stretched alike."""
    shown = shown_bands(found.bands)
    pixels, valid = source.read(found.window, [found.indices[k] for k in shown])
    plain = pixels.astype(np.float32)
    after = plain.copy()
    if (change := found.change) is not None:
        after[:, change.region] += change.raw[list(shown)].astype(np.float32)[:, None]
    together = _shown(np.concatenate([plain, after], axis=2), np.concatenate([valid, valid], axis=1), source)
    width = plain.shape[2]
    return together[:, :width], together[:, width:]


def _shown(pixels: NDArray[np.generic], valid: NDArray[np.bool_], source: Source) -> Picture:
    """``(band, y, x)`` as a picture; what is no 8-bit image already is stretched band by band, which clears haze."""
    if source.meta.dtype == "uint8" or len(pixels) < 3:
        return stretched(pixels, valid)
    return np.stack([stretched(p[None], valid)[..., 0] for p in pixels[:3]], axis=-1)


def draw_scene(folder: Path, found: Importance, source: Source) -> None:
    """Picture and map of what a scene's classes hang on."""
    shown = [found.indices[k] for k in shown_bands(found.bands)]
    picture = _shown(*source.preview(shown, side_px=SHOWN_PX), source)
    title = f"{found.scene}: how much less sure {found.model} is without a band"
    draw_importance(folder / "importance.png", picture, found.drops, found.bands, title=title)
    write_floats(folder / "importance.tif", found.drops, source.meta.georef, step_px=found.cell_px, bands=found.bands)
