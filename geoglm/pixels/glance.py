"""The glance: a whole scene made small enough to be looked at once, before any of its tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

GLANCE_PX = 256
"""The longer side of a glance, at most."""

SAMPLES = 4
"""A preview from which a glance is averaged has so many pixels a side for each of the glance's, at most."""


def glance_shape(shape: tuple[int, int], *, reduce: int = 1) -> tuple[int, int]:
    """Rows and columns of the glance at a scene of `shape`, no finer than what the network sees of a tile.

    Args:
        shape: rows and columns of the scene, px.
        reduce: pixels a side that the network sees as one.

    >>> glance_shape((4096, 8192)), glance_shape((97, 131)), glance_shape((97, 131), reduce=2)
    ((128, 256), (97, 131), (48, 66))
    """
    coarse = max(reduce, max(shape) / GLANCE_PX)
    rows, cols = (max(1, round(n / coarse)) for n in shape)
    return rows, cols


def glance_of(
    pixels: NDArray[np.generic],
    valid: NDArray[np.bool_],
    *,
    shape: tuple[int, int],
    fill: Sequence[float],
    stride: int,
) -> NDArray[np.float32]:
    """Mean of the valid pixels of each cell of a scene, in the pixels' own unit.

    Args:
        pixels: ``(band, y, x)`` of the scene or of a preview of it, no coarser than `shape`.
        valid: ``(y, x)``.
        shape: rows and columns of cells, see `glance_shape`.
        fill: of each band, for cells without a valid pixel and beyond the scene.
        stride: the sides of the result are its multiples; what is added lies right and below.

    Returns:
        ``(band, rows, cols)`` float32.
    """
    starts = [np.arange(n) * have // n for n, have in zip(shape, pixels.shape[1:], strict=True)]

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        down = np.add.reduceat(values, starts[0], axis=0)
        across: NDArray[np.float64] = np.add.reduceat(down, starts[1], axis=1)
        return across

    count = total(valid.astype(np.float64))
    seen = count > 0
    result = np.empty((len(pixels), *(-(-n // stride) * stride for n in shape)), np.float32)
    for band, empty, cells in zip(pixels, fill, result, strict=True):
        cells[:] = empty
        sums = total(np.where(valid, band, 0).astype(np.float64))
        cells[: shape[0], : shape[1]][seen] = sums[seen] / count[seen]
    return result
