"""Reflectance offset: the pixel value that counts as zero reflectance in a Sentinel-2 product.

Since processing baseline 04.00 (25 January 2022) products carry 1000 more than reflectance × 10000, so that
slightly negative reflectance can be kept; later reprocessing gave it to older scenes, and many archives took it
off again. What a file says is believed, unless its own pixels disprove it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import SceneMismatch

OFFSET = 1000.0
"""Of processing baseline 04.00 and later, in pixel values."""
FIRST_BASELINE, CUSTOM_BASELINE = 400, 9000
"""The first with the offset; from 9000 up they name somebody's own processing and say nothing."""
DARKEST_PERCENT = 0.05
DARK = 960.0
"""Below this value no more than 0.05 % of a product with the offset lie in any band: it would be a reflectance
under −0.004. Water, shadow or vegetation lies below it in some band of nearly every scene without."""
BRIGHT = 1400.0
"""Above it the darkest pixels tell nothing: they may be sand or cloud without the offset."""
BRIGHTEST_REFLECTANCE = 2.0
"""Clouds and snow reach about 1.5 of full scale."""


@dataclass(frozen=True, slots=True)
class ReflectanceZero:
    """The pixel value that counts as zero reflectance, why, and whether that is beyond doubt."""

    value: float
    why: str
    sure: bool = True


def told_zero(
    units: Sequence[tuple[float, float]], product: Mapping[str, str], *, full: float
) -> ReflectanceZero | None:
    """The zero that a file's metadata tells; None where they do not.

    Args:
        units: scale and offset of the bands used, see `SceneMeta.units`.
        product: tags by name, and the file's path as ``path``.
        full: pixel values from reflectance 0 to 1.
    """
    zeros = {round(-offset / scale, 3) for scale, offset in units if scale}
    if len(zeros) == 1:
        return ReflectanceZero(zeros.pop() + 0.0, "scale and offset of its bands")
    tags = {k.upper(): v for k, v in product.items()}
    for name, text in tags.items():
        if "ADD_OFFSET" in name and (found := re.search(r"-?\d+(\.\d+)?", text)):
            return ReflectanceZero(abs(float(found[0])) * full / 10_000, f"its tag {name}")
    for name, text in tags.items():
        if "BASELINE" in name and (found := re.search(r"(\d{1,2})\.?(\d{2})", text)):
            return _of_baseline(int(found[1]) * 100 + int(found[2]), f"its tag {name}", full)
    for text in tags.values():
        if found := re.search(r"S2[A-D]_(?:OPER_)?MSI_?L[12][ABC]_\w*?N(\d{2})\.?(\d{2})(?!\d)", text):
            return _of_baseline(int(found[1] + found[2]), f"the name {found[0]}", full)
    return None


def _of_baseline(number: int, where: str, full: float) -> ReflectanceZero | None:
    if number >= CUSTOM_BASELINE:
        return None
    value = OFFSET * full / 10_000 if number >= FIRST_BASELINE else 0.0
    return ReflectanceZero(value, f"processing baseline {number // 100:02}.{number % 100:02} in {where}")


def seen_zero(pixels: NDArray[np.generic], valid: NDArray[np.bool_], *, full: float) -> ReflectanceZero:
    """The zero that the darkest pixels tell: of each band the 0.05 percentile, of these the least.

    Args:
        pixels: ``(band, y, x)``, in steps fine enough to show an offset.
        valid: ``(y, x)``.
        full: pixel values from reflectance 0 to 1.

    Returns:
        0 where it cannot be told, with a reason that says so.
    """
    unit = 10_000 / full
    values = pixels[:, valid].astype(np.float32) * unit
    if not values.size:
        return ReflectanceZero(0.0, "no pixel is valid", sure=False)
    darkest = float(np.percentile(values, DARKEST_PERCENT, axis=1).min())
    if darkest < DARK:
        return ReflectanceZero(0.0, f"its darkest pixels have {darkest / unit:.4g}")
    if darkest <= BRIGHT:
        return ReflectanceZero(OFFSET / unit, f"no band has darker pixels than {darkest / unit:.4g}")
    return ReflectanceZero(
        0.0,
        f"it cannot be told, its darkest pixels have {darkest / unit:.4g}; if it is a product of baseline 04.00 or "
        f"later, use --offset {OFFSET / unit:g}",
        sure=False,
    )


def find_zero(told: ReflectanceZero | None, seen: ReflectanceZero) -> ReflectanceZero:
    """What is told, unless it is an offset and the pixels are too dark for it: then somebody took it off."""
    if told is None:
        return seen
    if told.value > 0 and seen.value == 0 and seen.sure:
        return ReflectanceZero(0.0, f"{told.why} speaks for {told.value:g}, but {seen.why}")
    return told


def check_reflectance(values: NDArray[np.generic], name: str, *, full: float) -> None:
    """See that real numbers are reflectance in units of `full`.

    Raises:
        SceneMismatch: one percent of them lies above 2.
    """
    high = float(np.percentile(values.astype(np.float64), 99)) if values.size else 0.0
    if high > BRIGHTEST_REFLECTANCE * full:
        raise SceneMismatch(
            f"{name} has real numbers up to {high:.4g}, more than a reflectance of {BRIGHTEST_REFLECTANCE:g}; say "
            "which value counts as 1 (--scale 10000)"
        )
