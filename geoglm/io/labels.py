"""Reference labels on the grid of a scene: from class rasters or from polygons, read box by box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import LabelError, SceneUnreadable
from geoglm.io.guard.raster import UNREADABLE
from geoglm.io.label_polygons import PolygonLabels
from geoglm.io.label_raster import RasterLabels
from geoglm.types import INVALID, PixelBox, SceneMeta


class Labels(Protocol):
    """What is known about the pixels of a scene; may be read from any thread.

    Attributes:
        classes: names; a label is a place in them.
        notes: what the user should know of how the labels were understood.
    """

    classes: tuple[str, ...]
    notes: tuple[str, ...]

    def read(self, box: PixelBox) -> NDArray[np.uint8]:
        """``(y, x)`` places in `classes` for the pixels of `box`, which lies inside the scene; 255 = unlabelled."""


def open_labels(
    path: Path,
    meta: SceneMeta,
    *,
    class_field: str | None = None,
    classes: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
) -> Labels:
    """Labels of the scene described by `meta`, from a class raster or a file of polygons.

    A raster of any CRS, grid and resolution is brought to the scene's grid by nearest neighbour. What its values are
    called is taken from the legend in a ``classes.tif`` of geoglm, a raster attribute table, category names, or
    ``flag_values`` and ``flag_meanings``; else values are their own names. No data, 255 in a byte raster without a
    name for it, and values without a name in a raster that has names are unlabelled. Without georeferencing it must
    have the scene's size, and is taken pixel to pixel. Polygons of any CRS count for the pixels whose centre they
    hold; where two of different classes overlap, the later in the file wins, which `notes` tells.

    Args:
        class_field: column of the class, for polygons; None to take the only column with text.
        classes: names and order to use, a model's; None for the labels' own. Case, dashes and underscores do not
            count. Labels that are mere numbers are taken for places in it, which `notes` tells.
        rename: label name → name in `classes`; an empty name leaves the class out.

    Raises:
        LabelError: the labels cannot be read, do not meet the scene or have other classes; in one line.
        FileRefused: they might do harm.
    """
    if not path.exists():
        raise LabelError(f"{path}: no such file; labels are a class raster or a file of polygons")
    try:
        labels: Labels = RasterLabels(path, meta, classes=classes, rename=rename or {})
    except (*UNREADABLE, SceneUnreadable) as error:
        why = " ".join(str(error).split())
        return PolygonLabels(path, meta, class_field, classes=classes, rename=rename or {}, no_raster=why)
    if class_field is not None:
        raise LabelError(f"{path}: is a raster and has no field {class_field!r}; leave the class field out")
    return labels


class ZoomedLabels:
    """Labels seen at another size of pixels: each takes the label under its centre.

    Args:
        labels: on the grid of `own`.
        own: the box of the scene.
        zoomed: the box of the same ground in other pixels.
    """

    def __init__(self, labels: Labels, own: PixelBox, zoomed: PixelBox) -> None:
        self.classes, self.notes = labels.classes, labels.notes
        self._labels = labels
        self._step = own.height / zoomed.height, own.width / zoomed.width

    def read(self, box: PixelBox) -> NDArray[np.uint8]:
        """See `Labels.read`; `box` counts in the other pixels."""
        spans = ((box.top, box.bottom), (box.left, box.right))
        rows, cols = (
            ((np.arange(*span) + 0.5) * step).astype(np.intp) for span, step in zip(spans, self._step, strict=True)
        )
        cover = PixelBox(int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1)
        return self._labels.read(cover)[np.ix_(rows - cover.top, cols - cover.left)]


def label_counts(labels: Labels, scene: PixelBox, *, side_px: int = 2048) -> NDArray[np.int64]:
    """``(class,)`` labelled pixels of each class in a scene, read in blocks of `side_px`."""
    counts = np.zeros(256, np.int64)
    for box in scene.blocks(side_px):
        counts += np.bincount(labels.read(box).ravel(), minlength=256)
    return counts[: min(len(labels.classes), INVALID)]
