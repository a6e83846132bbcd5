"""Blocks: a map cut into squares, how much of each class each holds, and pixels drawn within them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglm.types import INVALID, PixelBox

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class BlockGrid:
    """The squares of a map that hold pixels of some class; those at the right and bottom may be cut.

    Args:
        scene: box of the map.
        side_px: of a square.
        places: ``(block, 2)`` row and column of each in the grid of squares.
        pixels: ``(block,)`` pixels of any class.
        commonest: ``(block,)`` the class of which there is most; the lower of two that are equal.
    """

    scene: PixelBox
    side_px: int
    places: Places
    pixels: Places
    commonest: Places

    @classmethod
    def of(cls, bands: Iterable[NDArray[np.uint8]], scene: PixelBox, side_px: int) -> BlockGrid:
        """Count a map that passes by in bands of whole rows, each a multiple of `side_px` high but the last.

        Args:
            bands: ``(y, x)`` classes, top to bottom; 255 is none.
        """
        places, pixels, commonest = [np.empty((0, 2), np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        across = -(-scene.width // side_px)
        column = np.arange(scene.width) // side_px
        row = 0
        for band in bands:
            for top in range(0, len(band), side_px):
                cell = column * 256 + band[top : top + side_px]
                counts = np.bincount(cell.ravel(), minlength=across * 256).reshape(across, 256)[:, :INVALID]
                there = np.flatnonzero(counts.any(axis=1))
                places.append(np.stack([np.full(len(there), row), there], axis=1))
                pixels.append(counts[there].sum(axis=1))
                commonest.append(counts[there].argmax(axis=1))
                row += 1
        return cls(scene, side_px, *(np.concatenate(p).astype(np.int64) for p in (places, pixels, commonest)))

    def box(self, block: int) -> PixelBox:
        """The pixels of a block."""
        top, left = (int(p) * self.side_px for p in self.places[block])
        return PixelBox(top, left, top + self.side_px, left + self.side_px).clip(self.scene)


def pixels_within(classes: NDArray[np.uint8], count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Row and column of up to `count` pixels of a block, each as likely among those that are not 255."""
    there = np.flatnonzero(classes != INVALID)
    chosen = np.sort(rng.choice(there, size=min(count, len(there)), replace=False))
    return [divmod(int(k), classes.shape[1]) for k in chosen]
