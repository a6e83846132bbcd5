"""The resolution controller: how coarsely the next part of a scene is looked at, from what was seen so far.

A part at level 0 is looked at in full, at level k a quarter as closely as at k - 1. Two forces choose the level. The
deadline: what time is left, spread over what is left to do, pays for a mixture of two neighbouring levels. The state of
source and machine, by the rule of Open-AutoGLM's dynamic resolution,

    R = α · B / Bmax + (1 - α) · (1 - L) · Rmax,    α = 0.6

with B the bandwidth at which the source is read, Bmax the best that was seen, and L the load of the machine by others,
all smoothed exponentially. R, clamped to 0…1, says how far a finer level may run ahead of the time saved for it; a
bandwidth below 0.3 Bmax forces the coarsest level, and a load over 0.8 pauses refinement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

ALPHA = 0.6
"""Weight of the bandwidth; the rest is the load's."""
LOW_BANDWIDTH = 0.3
HIGH_LOAD = 0.8
NEWEST = 0.35
"""Weight of the newest value in a smoothed one."""
FORGETTING = 0.1
"""Share of its lead over the present bandwidth that the best loses with every part: a line that stays slow counts as
what it is."""


def resolution(bandwidth: float, best: float, load: float, *, highest: float = 1.0) -> float:
    """R of the rule, 0 to `highest`.

    Args:
        bandwidth, best: in one unit.
        load: 0 to 1.

    >>> resolution(10, 10, 0), round(resolution(5, 10, 0.5), 2)
    (1.0, 0.5)
    """
    share = min(1.0, bandwidth / best) if best > 0 else 1.0
    return min(highest, max(0.0, ALPHA * share * highest + (1 - ALPHA) * (1 - load) * highest))


@dataclass(frozen=True, slots=True)
class Left:
    """What is left.

    Args:
        px: pixels of parts not yet begun.
        seconds: that all workers together have for them.
        part_px: pixels of the next part.
        wall: seconds until the deadline, which the next part should not go beyond.
    """

    px: int
    seconds: float
    part_px: int = 0
    wall: float = float("inf")


@dataclass(frozen=True, slots=True)
class Controller:
    """What was seen, smoothed; each method returns what follows from one more thing seen.

    Args:
        expected: seconds of one worker for a pixel of the scene at each level, from the finest, before any was seen.
        factors: by how much each level took longer than expected; None where it was not seen yet.
        bandwidth: pixels a second that the source gave; None before any.
        best: the same at its best.
        load: of the machine by others, 0 to 1.
        level: of the last part.
        saved: how much of a finer part the time saved so far pays for.
    """

    expected: tuple[float, ...]
    factors: tuple[float | None, ...] = ()
    bandwidth: float | None = None
    best: float = 0.0
    load: float = 0.0
    level: int = 0
    saved: float = 0.0

    def __post_init__(self) -> None:
        if not self.factors:
            object.__setattr__(self, "factors", (None,) * len(self.expected))

    @property
    def costs(self) -> tuple[float, ...]:
        """Seconds of one worker for a pixel at each level; a level not seen yet errs like those that were."""
        known = [f for f in self.factors if f is not None]
        usual = sum(known) / len(known) if known else 1.0
        return tuple(e * (usual if f is None else f) for e, f in zip(self.expected, self.factors, strict=True))

    @property
    def quality(self) -> float:
        """R now; 1 before anything was seen."""
        return resolution(1.0 if self.bandwidth is None else self.bandwidth, self.best, self.load)

    def seen(self, level: int, *, px: int, seconds: float, bandwidth: float, load: float) -> Controller:
        """After a part of `px` pixels that took one worker `seconds` at `level`."""
        factor = seconds / (px * self.expected[level])
        factors = list(self.factors)
        factors[level] = _smooth(self.factors[level], factor)
        now = _smooth(self.bandwidth, bandwidth)
        best = max(now, self.best - FORGETTING * (self.best - now))
        return replace(
            self, factors=tuple(factors), bandwidth=now, best=best, load=min(1.0, max(0.0, _smooth(self.load, load)))
        )

    def choose(self, left: Left) -> Controller:
        """With the level of the next part, and what it takes of the time saved."""
        costs, coarsest = self.costs, len(self.expected) - 1
        allowed = left.seconds / max(left.px, 1)
        if self.bandwidth is not None and self.bandwidth < LOW_BANDWIDTH * self.best:
            return replace(self, level=coarsest)
        fine = next((k for k, cost in enumerate(costs) if cost <= allowed), coarsest)
        saved = 0.0
        if fine > 0 and costs[fine] <= allowed:
            # a mixture of `fine` and the next finer level: as much of that as the time allows
            saved = self.saved + (allowed - costs[fine]) / (costs[fine - 1] - costs[fine])
            if saved >= 1 - self.quality / 2:
                fine, saved = fine - 1, saved - 1
        while fine < coarsest and costs[fine] * left.part_px > left.wall:
            fine += 1
        if self.load > HIGH_LOAD and fine < self.level:
            return replace(self, saved=min(saved, 1.0))
        return replace(self, level=fine, saved=saved)


def _smooth(before: float | None, now: float) -> float:
    """The exponentially weighted mean with one more value."""
    return now if before is None else before + NEWEST * (now - before)
