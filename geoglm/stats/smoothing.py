"""Gaussian smoothing that knows where there is no data, and how far it looks."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


def reach_px(sigma_px: float) -> int:
    """How many pixels away a smoothed pixel looks: four standard deviations."""
    return int(4 * sigma_px + 0.5)


def smoothed(values: NDArray[np.float32], valid: NDArray[np.bool_], sigma_px: float) -> NDArray[np.float32]:
    """Means of the neighbourhood weighted by a Gaussian, of pixels with data alone.

    Beyond the border is no data either, so a block with `reach_px` more on each side gives what the whole gives, to
    the last bit: sums run in the same order for every pixel.

    Args:
        values: ``(..., y, x)``; what stands where there is no data does not count.
        valid: ``(y, x)``.

    Returns:
        ``(..., y, x)`` float32; 0 where no pixel in reach has data.

    >>> smoothed(np.float32([[1, 9, 5]]), np.array([[True, False, True]]), 0.2).round(3).tolist()
    [[1.0, 3.0, 5.0]]
    """
    reach = reach_px(sigma_px)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    weight = _blurred(valid.astype(np.float32), kernel)
    made = np.empty(values.shape, np.float32)
    for place in np.ndindex(values.shape[:-2]):
        total = _blurred(np.where(valid, values[place], np.float32(0)), kernel)
        np.divide(total, weight, out=total, where=weight > 0)
        made[place] = np.where(weight > 0, total, np.float32(0))
    return made


@njit(cache=True, nogil=True)
def _blurred(layer, kernel):  # type: ignore[no-untyped-def]
    """Sums of the neighbourhood ``(y, x)`` by `kernel`, along rows and then down columns; nothing lies beyond."""
    height, width = layer.shape
    reach = kernel.size // 2
    row, along = np.zeros(width + 2 * reach, np.float32), np.zeros((height, width), np.float32)
    for y in range(height):
        row[reach : reach + width] = layer[y]
        for k in range(kernel.size):
            for x in range(width):
                along[y, x] += kernel[k] * row[x + k]
    both = np.zeros((height, width), np.float32)
    for y in range(height):
        for k in range(kernel.size):
            other = y + k - reach
            if 0 <= other < height:
                for x in range(width):
                    both[y, x] += kernel[k] * along[other, x]
    return both
