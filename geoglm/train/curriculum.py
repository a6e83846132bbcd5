"""The curriculum: at which magnifications samples are shown, and how that changes while a network learns.

Stages are data; which of them a step belongs to is a function of the step alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

GROUPS = (0.5, 1.0, 2.0)
"""Magnifications at which validation is grouped by resolution."""
FOCUS_TEMPERATURE = 0.1
"""A group of resolutions whose validation score is lower by this much is drawn e times as often."""


@dataclass(frozen=True, slots=True)
class Scales:
    """Magnifications to draw from: ranges, within each of which the logarithm is uniform.

    Args:
        ranges: smallest and largest magnification of each range; 0.5 shows twice the ground.
        odds: of each range; they need not add up to one.
    """

    ranges: tuple[tuple[float, float], ...]
    odds: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.ranges) != len(self.odds) or not self.ranges:
            raise ValueError(f"{len(self.ranges)} ranges of magnification and {len(self.odds)} odds; give as many")
        if not all(0 < low <= high for low, high in self.ranges):
            raise ValueError(f"magnifications {self.ranges} must be above 0 and rise")
        if not all(o >= 0 for o in self.odds) or sum(self.odds) <= 0:
            raise ValueError(f"odds {self.odds} must not be negative, and one must be above 0")

    @classmethod
    def within(cls, low: float, high: float) -> Scales:
        """One range."""
        return cls(((low, high),), (1.0,))

    @classmethod
    def grouped(cls, groups: Sequence[float] = GROUPS) -> Scales:
        """One range around each of `groups`, a factor of √2 to either side, all as likely."""
        half = math.sqrt(2)
        return cls(tuple((g / half, g * half) for g in groups), (1.0,) * len(groups))

    def draw(self, rng: np.random.Generator) -> float:
        """One magnification."""
        odds = np.array(self.odds)
        low, high = self.ranges[int(rng.choice(len(odds), p=odds / odds.sum()))]
        return math.exp(rng.uniform(math.log(low), math.log(high)))

    def focused(self, scores: Mapping[float, float]) -> Scales:
        """These ranges with odds ∝ exp(−score / 0.1), so that what is mapped worst is seen most.

        Args:
            scores: validation score (0…1) by magnification; a range takes that of the magnification nearest
                to its middle. NaN, or no score at all, leaves the odds as they are.
        """
        known = {g: s for g, s in scores.items() if not math.isnan(s)}
        if not known:
            return self
        middles = [math.sqrt(low * high) for low, high in self.ranges]
        nearest = [known[min(known, key=lambda g: abs(math.log(g / m)))] for m in middles]
        lift = np.exp((min(nearest) - np.array(nearest)) / FOCUS_TEMPERATURE)
        return replace(self, odds=tuple(float(v) for v in lift / lift.sum()))


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the training.

    Args:
        name: for the log.
        share: of all steps; shares need not add up to one.
        scales: magnifications to draw from; None leaves each sample set its own.
        weighted: multiply every sample's loss by its resolution-aware weight.
        focused: move the odds of `scales` towards the resolutions with the worst validation scores.
    """

    name: str
    share: float
    scales: Scales | None = None
    weighted: bool = False
    focused: bool = False

    def __post_init__(self) -> None:
        if self.share <= 0:
            raise ValueError(f"stage {self.name!r} has the share {self.share}; it must be above 0")
        if self.focused and self.scales is None:
            raise ValueError(f"stage {self.name!r} is focused but has no scales to choose from")


PLAIN = (Stage("plain", 1.0),)
"""No curriculum: every sample set with its own range of magnifications, from the first step to the last."""
FIXED = (Stage("fixed", 1.0, Scales.within(1.0, 1.0)),)
"""One magnification throughout, the baseline that a curriculum is measured against."""
THREE_STAGES = (
    Stage("fixed", 0.3, Scales.within(1.0, 1.0)),
    Stage("random", 0.4, Scales.within(0.4, 2.5), weighted=True),
    Stage("tuning", 0.3, Scales.grouped(), weighted=True, focused=True),
)
"""The mission's curriculum: one resolution; then random resolutions and the weight that depends on them; then
resolutions tuned by validation grouped by resolution."""


def stage_at(stages: Sequence[Stage], step: int, steps: int) -> Stage:
    """The stage of `step` (0 … steps − 1); each lasts its share of `steps`, rounded to whole steps."""
    ends = np.cumsum([s.share for s in stages])
    borders = np.rint(ends / ends[-1] * steps)
    return stages[min(int(np.searchsorted(borders, step, side="right")), len(stages) - 1)]


def scales_at(stage: Stage, scores: Mapping[float, float]) -> Scales | None:
    """What to draw from in `stage`, given the latest validation scores by magnification."""
    if stage.scales is None or not stage.focused:
        return stage.scales
    return stage.scales.focused(scores)
