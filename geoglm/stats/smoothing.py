"""Gaussian smoothing that knows where there is no data, and how far it looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d


def reach_px(sigma_px: float) -> int:
    """How many pixels away a smoothed pixel looks: four standard deviations."""
    return int(4 * sigma_px + 0.5)


def smoothed(values: NDArray[np.float32], valid: NDArray[np.bool_], sigma_px: float) -> NDArray[np.float32]:
    """Means of the neighbourhood weighted by a Gaussian, of pixels with data alone.

    Beyond the border is no data either, so a block with `reach_px` more on each side gives what the whole gives.

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
    kernel /= kernel.sum()

    def blurred(layer: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = correlate1d(layer, kernel, axis=-2, mode="constant")
        both: NDArray[np.float32] = correlate1d(rows, kernel, axis=-1, mode="constant")
        return both

    weight = blurred(valid.astype(np.float32))
    total = blurred(np.where(valid, values, np.float32(0)))
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
