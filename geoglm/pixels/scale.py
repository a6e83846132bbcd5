"""Scaling: how a number in a file becomes the number a network was trained on. Never by a silent guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import SceneMismatch


@dataclass(frozen=True, slots=True)
class Scaling:
    """The contract of a model: network input = ((value − zero) / full scale − mean) / std, band by band.

    Args:
        mean, std: for each band, of values in units of full scale.
        full_scale: dtype name → the value that counts as 1, for the dtypes where it is beyond doubt; with another
            zero, by how much a value must lie above that to count as 1.
        zero: the value that counts as 0 in a scene, see `geoglm.pixels.offset`.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    full_scale: Mapping[str, float] = field(default_factory=dict)
    zero: float = 0.0

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
            "as full scale (--scale 10000) or let it be taken from the scene (--scale auto)"
        )

    def slope_and_offset(self, full: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``(band,)`` factors a and b with network input = a · value + b."""
        std, mean = np.asarray(self.std), np.asarray(self.mean)
        return (1 / (full * std)).astype(np.float32), (-(mean + self.zero / full) / std).astype(np.float32)

    def fill(self, full: float) -> tuple[float, ...]:
        """The value of each band that the network sees as its mean, for pixels without data."""
        return tuple(m * full + self.zero for m in self.mean)


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
