"""Colours of classes as their labels give them: a column of a vector file, or the legend of one of our maps."""

from __future__ import annotations

import re
from pathlib import Path

from geoglm.errors import SceneUnreadable
from geoglm.io.guard.raster import UNREADABLE
from geoglm.io.guard.vectors import read_vectors
from geoglm.io.legend import own_legend

COLUMNS = ("colour", "color", "colour_hex", "color_hint")


def label_colours(path: Path, class_field: str | None, classes: tuple[str, ...]) -> dict[str, str]:
    """Class name → ``#rrggbb``, for the classes whose colour the labels tell; nothing where they tell none."""
    try:
        pairs = [(c.name, c.colour) for c in own_legend(path)]
    except (*UNREADABLE, SceneUnreadable):
        pairs = _from_table(path, class_field, classes)
    return {n: f"#{c.lstrip('#').lower()}" for n, c in pairs if n in classes and re.fullmatch("#?[0-9a-fA-F]{6}", c)}


def spread_colour(place: int, count: int) -> str:
    """A colour for one of so many classes that have none: evenly around the circle of hues."""
    from colorsys import hls_to_rgb

    return "#" + "".join(f"{round(255 * v):02x}" for v in hls_to_rgb(place / count, 0.45, 0.6))


def _from_table(path: Path, class_field: str | None, classes: tuple[str, ...]) -> list[tuple[str, str]]:
    """From a column called colour or color beside the one that holds the classes."""
    frame = read_vectors(path)
    column = next((c for c in frame.columns if str(c).lower() in COLUMNS), None)
    if column is None:
        return []
    names = class_field or next((c for c in frame.columns if set(frame[c].astype(str)) & set(classes)), None)
    if names is None:
        return []
    return list(zip(frame[names].astype(str), frame[column].astype(str), strict=True))
