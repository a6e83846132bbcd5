"""What one date says of its pixels, and how likely that is of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoglm.types import INVALID

NOISE = 0.05
"""Share of labels taken to be wrong at random, anew on every date, where a map does not say how sure it is. What a map
gets wrong on every date alike is no matter of this: it makes no change."""

LEAST = 0.5
"""What a probability of 0 % is taken for, in percent: it was rounded."""


class Evidence(Protocol):
    """One date, as it was seen by itself."""

    @property
    def places(self) -> NDArray[np.uint8]:
        """``(pixel,)`` place of the likeliest class; 255 where there is no data."""

    def likelihood(self, part: slice) -> NDArray[np.float64]:
        """``(pixel, class)`` of some of its pixels, above 0; all 1 where there is no data, which says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Probabilities:
    """What a network says. Its probabilities are taken for likelihoods: beforehand every class is as likely.

    Args:
        percent: ``(class, pixel)`` uint8, 255 where there is no data.
    """

    percent: NDArray[np.uint8]

    @property
    def places(self) -> NDArray[np.uint8]:
        """See `Evidence.places`."""
        return np.where(self.percent[0] == INVALID, INVALID, self.percent.argmax(axis=0)).astype(np.uint8)

    def likelihood(self, part: slice) -> NDArray[np.float64]:
        """See `Evidence.likelihood`."""
        told = self.percent[:, part].T
        return np.where(told[:, :1] == INVALID, 1.0, told + LEAST)


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """What a map says: a class that is right with a probability of its own or 1 − `noise`, else it is any other.

    Args:
        places: ``(pixel,)`` uint8 places in the list of classes, 255 where there is no data.
        classes: how many there are.
        noise: share of wrong labels where the map does not say how sure it is.
        confidence: ``(pixel,)`` uint8 percent, 255 where unknown; None where nothing is known of it.
    """

    places: NDArray[np.uint8]
    classes: int
    noise: float
    confidence: NDArray[np.uint8] | None = None

    def likelihood(self, part: slice) -> NDArray[np.float64]:
        """See `Evidence.likelihood`."""
        places = self.places[part]
        sure = np.full(len(places), 1 - self.noise)
        if self.confidence is not None:
            told = self.confidence[part]
            sure = np.where(told == INVALID, sure, np.clip(told / 100, 1 / self.classes, 1 - LEAST / 100))
        seen = places[:, None] == np.arange(self.classes, dtype=np.uint8)
        likelihood = np.where(seen, sure[:, None], (1 - sure[:, None]) / (self.classes - 1))
        return np.where(places[:, None] == INVALID, 1.0, likelihood)
