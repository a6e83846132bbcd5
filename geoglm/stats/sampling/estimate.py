"""Numbers that know how sure they are, and what every sample that gives them has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Truths = NDArray[np.bool_]

NORMAL_95 = 1.959964
"""Standard errors to either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share, or an area that is a share of `whole`, with its standard error; NaN where the sample says nothing.

    Args:
        reach: standard errors to either side that hold 95 %.
        whole: what a share of 100 % amounts to.
    """

    value: float
    error: float
    reach: float = NORMAL_95
    whole: float = 1.0

    @property
    def margin(self) -> float:
        """Half the width of the 95 % confidence interval before it is cut, see `as_dict`."""
        return self.reach * self.error

    def __mul__(self, unit: float) -> Estimate:
        return Estimate(self.value * unit, self.error * unit, self.reach, self.whole * unit)

    def as_dict(self) -> dict[str, float | None]:
        """Value, standard error and the ends of the 95 % interval, None for NaN.

        The interval is cut to 0 to 100 % of `whole`, beyond which no share lies: it holds the truth as often as uncut.
        """
        ends = np.clip([self.value - self.margin, self.value + self.margin], 0.0, self.whole)
        named = zip(("value", "standard_error", "low", "high"), (self.value, self.error, *ends), strict=True)
        return {k: None if np.isnan(v) else float(v) for k, v in named}


class Sample(Protocol):
    """Labelled units of a map, drawn so that every pixel's chance is known."""

    @property
    def mapped(self) -> NDArray[np.int64]:
        """``(unit,)`` places of the units' map classes."""

    @property
    def truth(self) -> NDArray[np.int64]:
        """``(unit,)`` places of their reference classes."""

    @property
    def classes(self) -> int:
        """Number of classes of map and reference."""

    def weights(self) -> NDArray[np.float64]:
        """``(unit,)`` share of the population for which each unit stands; they add up to 1."""

    def proportion(self, has: Truths) -> Estimate:
        """Share of the population for which `has`, a ``(unit,)`` truth about the sample, holds."""

    def ratio(self, part: Truths, whole: Truths) -> Estimate:
        """Share of those in `whole` that are in `part` too; NaN where there is none."""

    def check(self) -> None:
        """Raise ValueError where so few units are labelled that nothing is known of their spread."""
