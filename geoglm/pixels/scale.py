"""Scaling: how a number in a file becomes the number a network was trained on. Never by a silent guess."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import SceneMismatch


def _usual(dtype: str, seen: tuple[float, float] | None) -> int:
    """A full scale that is usual for such pixels: of reflectance, of bytes in a wider type, of reflectance in whole
    numbers (bright roofs have more than 1), of 16 bits. An example to be copied must not make the scene black.
    """
    highest = 10_000 if seen is None else seen[1]
    usual = ((2, 1) if dtype.startswith("float") else (255, 255), (255, 255), (20_000, 10_000))
    return next((full for most, full in usual if highest <= most), 65_535)


@dataclass(frozen=True, slots=True)
class Scaling:
    """The contract of a model: network input = (v − mean) / std, band by band, with v = (value − zero) / full scale.

    Two kinds are not linear. With `gain` the input is the logistic function of (ln(1 + gain · v) − mean) / std, which
    Dynamic World wants (Brown et al. 2022, doi 10.1038/s41597-022-01307-4). With `stretch` v is first brought to 0…1
    and cut there; `percentiles` says that the scene has yet to tell its ends.

    Args:
        mean, std: for each band, of v, or of what the stretch or the logarithm made of it.
        full_scale: dtype name → the value that counts as 1, for the dtypes where it is beyond doubt; with another
            zero, by how much a value must lie above that to count as 1.
        zero: the value that counts as 0 in a scene, see `geoglm.pixels.offset`.
        gain: for each band; None for no logarithm.
        percentiles: of a scene's valid pixels that become 0 and 1; None for no stretch.
        stretch: for each band the v that become 0 and 1, see `stretched`.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    full_scale: Mapping[str, float] = field(default_factory=dict)
    zero: float = 0.0
    gain: tuple[float, ...] | None = None
    percentiles: tuple[float, float] | None = None
    stretch: tuple[tuple[float, float], ...] = ()

    @property
    def is_linear(self) -> bool:
        """Whether `slope_and_offset` is all there is to it."""
        return self.gain is None and self.percentiles is None

    def stretched(self, pixels: NDArray[np.generic], valid: NDArray[np.bool_], full: float) -> Scaling:
        """The same with the ends of its stretch taken from a scene, where it asks for that.

        Args:
            pixels: ``(band, y, x)``, may be thinned out.
            valid: ``(y, x)``.
        """
        if self.percentiles is None:
            return self
        if not valid.any():
            return replace(self, stretch=((0.0, 1.0),) * len(self.mean))
        v = (pixels[:, valid].astype(np.float64) - self.zero) / full
        ends = np.percentile(v, self.percentiles, axis=1).T
        return replace(self, stretch=tuple((float(low), float(max(high, low + 1e-9))) for low, high in ends))

    def applied(self, pixels: NDArray[np.generic], full: float) -> NDArray[np.float32]:
        """``(band, ...)`` pixels as the network wants them."""
        slope, offset = (a.reshape(-1, *[1] * (pixels.ndim - 1)) for a in self.slope_and_offset(full))
        linear = pixels.astype(np.float32) * slope + offset
        if self.gain is None and not self.stretch:
            return linear
        mean, std = (np.asarray(a, np.float32).reshape(slope.shape) for a in (self.mean, self.std))
        if self.gain is None:
            return (linear.clip(0, 1) - mean) / std
        logistic: NDArray[np.float32] = 1 / (1 + np.exp((mean - np.log(linear.clip(min=1))) / std))
        return logistic

    def with_zero(self, zero: float) -> Scaling:
        """The same contract for a scene in which the value `zero` counts as 0."""
        return replace(self, zero=zero)

    def full_for(self, dtype: str, asked: float | None, seen: tuple[float, float] | None) -> float:
        """The full-scale value for pixels of `dtype`.

        Args:
            asked: what the user says; it wins.
            seen: smallest and largest value of a glance at the scene, for the message.

        Raises:
            SceneMismatch: neither user nor model says what counts as full scale.
        """
        full = asked if asked is not None else self.full_scale.get(dtype)
        if full is not None:
            return full
        known = ", ".join(f"{k} (full scale {v:g})" for k, v in self.full_scale.items())
        found = "" if seen is None else f" with values {seen[0]:g} to {seen[1]:g}"
        raise SceneMismatch(
            f"the scene has {dtype} pixels{found}, the model knows {known or 'no dtype'}; say which value counts "
            f"as full scale (--scale {_usual(dtype, seen)}) or let it be taken from the scene (--scale auto)"
        )

    def slope_and_offset(self, full: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``(band,)`` factors a and b with network input = a · value + b.

        Where it is not linear, a · value + b is what the logarithm is taken of, or what is cut to 0…1.
        """
        if self.gain is not None:
            gain = np.asarray(self.gain)
            return (gain / full).astype(np.float32), (1 - gain * self.zero / full).astype(np.float32)
        if self.stretch:
            low, high = np.asarray(self.stretch).T
            width = high - low
            return (1 / (full * width)).astype(np.float32), (-(low + self.zero / full) / width).astype(np.float32)
        std, mean = np.asarray(self.std), np.asarray(self.mean)
        return (1 / (full * std)).astype(np.float32), (-(mean + self.zero / full) / std).astype(np.float32)

    def fill(self, full: float) -> tuple[float, ...]:
        """The value of each band that the network sees as its mean, for pixels without data."""
        middle = self.mean
        if self.gain is not None:
            middle = tuple(math.expm1(m) / g for m, g in zip(self.mean, self.gain, strict=True))
        elif self.stretch:
            middle = tuple(low + m * (high - low) for m, (low, high) in zip(self.mean, self.stretch, strict=True))
        return tuple(m * full + self.zero for m in middle)


def percentile_scale(pixels: NDArray[np.generic], valid: NDArray[np.bool_], percent: float = 99.5) -> float:
    """The `percent` percentile of the valid pixels of all bands, for ``--scale auto``.

    Raises:
        SceneMismatch: there is no valid pixel, or none above zero.
    """
    values = pixels[:, valid]
    top = float(np.percentile(values.astype(np.float64), percent)) if values.size else 0.0
    if top <= 0:
        raise SceneMismatch("--scale auto finds no valid pixel above zero; give a number, e.g. --scale 10000")
    return top


NetworkDtype = Literal["uint8", "uint16", "int16", "float32"]


def network_dtype(dtype: str) -> NetworkDtype:
    """The dtype in which pixels are handed to a network: their own where it takes it, else float32."""
    match dtype:
        case "uint8" | "uint16" | "int16" | "float32":
            return dtype
        case _:
            return "float32"
