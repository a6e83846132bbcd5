"""The one mask policy: which pixels carry data.

A pixel is invalid, never classified, never counted and 255 in the output, where any of these holds:

- the scene's per-dataset mask or alpha band is 0 there;
- a band is NaN or infinite;
- 8-bit data: *every* band has its nodata value (0 and 255 are ordinary values of a single band);
- wider data: *any* band has its nodata value (−9999, 65535 or a reflectance of 0 is no measurement, and a
  network must not be fed one).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def valid_pixels(
    pixels: NDArray[np.generic],
    nodata: Sequence[float | None],
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Where `pixels` carry data.

    Args:
        pixels: ``(band, y, x)`` of any real dtype, the bands that are used.
        nodata: nodata value of each of these bands, None where it has none.
        mask: ``(y, x)`` False where a per-dataset mask or an alpha band excludes the pixel.

    Returns:
        ``(y, x)`` bool.
    """
    valid = np.ones(pixels.shape[1:], np.bool_) if mask is None else mask.copy()
    if pixels.dtype.kind == "f":
        for band in pixels:
            valid &= np.isfinite(band)
    empty = [band == value for band, value in zip(pixels, nodata, strict=True) if _can_hold(pixels.dtype, value)]
    if not empty:
        return valid
    if pixels.dtype.itemsize > 1:
        for band in empty:
            valid &= ~band
    elif len(empty) == len(pixels):
        valid &= ~np.logical_and.reduce(empty)
    return valid


def _can_hold(dtype: np.dtype[np.generic], value: float | None) -> bool:
    """True if a pixel of `dtype` can equal `value` at all; NaN is found by its own rule."""
    if value is None or np.isnan(value):
        return False
    if dtype.kind == "f":
        return True
    limits = np.iinfo(dtype.name)
    return float(value).is_integer() and limits.min <= value <= limits.max


def fill_invalid(pixels: NDArray[np.generic], valid: NDArray[np.bool_], fill: Sequence[float]) -> NDArray[np.generic]:
    """`pixels` with every invalid one set to `fill` (a value for each band), so that no nodata value, NaN
    or infinity reaches the network. A copy is made only where something is invalid.
    """
    if valid.all():
        return pixels
    values = np.asarray(fill)
    if pixels.dtype.kind in "ui":
        limits = np.iinfo(pixels.dtype.name)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return np.where(valid, pixels, values.astype(pixels.dtype)[:, None, None])
