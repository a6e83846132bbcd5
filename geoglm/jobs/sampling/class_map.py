"""A map of classes as samples need it: from top to bottom or anywhere, with its legend and what there is of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.io.geotiff import RasterFile
from geoglm.io.label_colours import label_colours
from geoglm.io.labels import Labels, open_labels
from geoglm.stats.area import pixel_areas
from geoglm.types import INVALID, LandClass, PixelBox

BAND_ROWS = 512
"""A map passes by in bands of so many rows."""


@dataclass(frozen=True, slots=True)
class ClassMap:
    """A class raster, its legend, and how much there is of each class.

    Args:
        counts: ``(class,)`` pixels.
        hectares: area of all classified pixels, None where the map does not say where it lies.
        uneven: True where pixels differ in area by more than 1 %.
    """

    path: Path
    source: RasterFile
    labels: Labels
    counts: NDArray[np.int64]
    hectares: float | None
    uneven: bool

    @classmethod
    def read(cls, path: Path) -> ClassMap:
        """Count the pixels of the raster at `path`.

        Raises:
            GeoglmError: it is no class raster.
        """
        source = RasterFile(path)
        labels = open_labels(path, source.meta)
        areas = pixel_areas(source.meta.georef, *source.meta.box.shape)
        counts, hectares = np.zeros(256, np.int64), 0.0
        for box, band in _bands(labels, source.meta.box):
            counts += np.bincount(band.ravel(), minlength=256)
            if areas is not None:
                hectares += float(areas[box.top : box.bottom] @ (band != INVALID).sum(axis=1)) / 1e4
        uneven = areas is not None and bool(np.ptp(areas) > 0.01 * areas.mean())
        return cls(path, source, labels, counts[: len(labels.classes)], None if areas is None else hectares, uneven)

    @property
    def legend(self) -> tuple[LandClass, ...]:
        """Classes with the colours that the map gives them, grey where it gives none."""
        names = self.labels.classes
        colours = label_colours(self.path, None, names)
        return tuple(LandClass(k, n, colours.get(n, "#808080")) for k, n in enumerate(names))

    def bands(self, rows: int = BAND_ROWS) -> Iterator[NDArray[np.uint8]]:
        """``(y, x)`` classes, so many rows at a time; 255 is none."""
        for _, band in _bands(self.labels, self.source.meta.box, rows):
            yield band


def _bands(labels: Labels, scene: PixelBox, rows: int = BAND_ROWS) -> Iterator[tuple[PixelBox, NDArray[np.uint8]]]:
    for top in range(scene.top, scene.bottom, rows):
        box = PixelBox(top, scene.left, min(top + rows, scene.bottom), scene.right)
        yield box, labels.read(box)
