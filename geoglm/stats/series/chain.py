"""How likely a pixel is of another class some years later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import SeriesError

STAY = 0.9
"""Probability of the same class a year later unless said otherwise: Abercrombie & Friedl 2016 give change a prior of
0.1 from one annual map to the next. Land changes less than that, but a smaller prior asks for more than one date before
a change is believed, and loses those of the first and last years."""

DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Chain:
    """A Markov chain in continuous time that leaves every class at one rate, for each other class alike.

    Of gaps it makes what they are: two half years are one year, a date without data changes nothing. The form is that
    of Jukes & Cantor 1969; the use for maps of land cover, with one prior of change for all classes, is of Abercrombie
    & Friedl 2016 (doi 10.1109/TGRS.2015.2463689).

    Args:
        classes: how many there are, at least 2.
        stay: probability of the same class a year later.

    Raises:
        SeriesError: `stay` is no such probability.

    >>> round(Chain(3, 0.9).change(1.0), 6), round(Chain(3, 0.9).change(100.0), 6)
    (0.1, 0.666667)
    """

    classes: int
    stay: float = STAY

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise SeriesError(f"{self.classes} class cannot change; a series needs maps of two classes or more")
        if not 1 / self.classes < self.stay < 1:
            raise SeriesError(
                f"stay {self.stay:g} is no probability of the same class a year later; give one above "
                f"{1 / self.classes:.3g} (any of {self.classes} classes alike) and below 1"
            )

    def change(self, years: float) -> float:
        """Probability of another class, all others alike, after so many years."""
        even = 1 / self.classes
        lasting: float = ((self.stay - even) / (1 - even)) ** years
        return (1 - even) * (1 - lasting)

    def between(self, days: Sequence[date]) -> NDArray[np.float64]:
        """``(gap,)`` probability of another class on each of the days than on the one before."""
        return np.array([self.change((after - before).days / DAYS_A_YEAR) for before, after in pairwise(days)])
