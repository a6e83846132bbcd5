"""A time budget: shards scored at the resolution for which there is time, see `geoglm.tiling.resolution`."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from geoglm.errors import PlanError
from geoglm.io.geotiff import RasterFile
from geoglm.io.thin import ThinScene
from geoglm.io.vectors import AreaOfInterest
from geoglm.jobs.budget import budget_of, cost_of, run_bytes
from geoglm.jobs.cache import cache_folder
from geoglm.jobs.pace import recall, remember
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.scorer import ShardScorer
from geoglm.tiling.levels import Level, enlarged
from geoglm.tiling.resolution import Controller, Left
from geoglm.tiling.shards import Shard, ShardLayout
from geoglm.types import Scores

FACTORS = (2, 4, 8)
"""How many pixels a side are seen as one at each level below full resolution."""

BESIDE = 0.1
"""What a shard costs at any level, as a share of what it costs in full: compressing and keeping it."""

WORTH_IT = 0.8
"""A level that has the network see more than this share of what the next finer one does is left out."""

AFTER_PX_PER_S = {True: 12e6, False: 60e6}
"""Pixels of the scene a second after the network, with polygons and without, before a run on this machine told."""


@dataclass(frozen=True, slots=True)
class Coarse:
    """A level below full resolution, with what scores it.

    Args:
        share: of the pixels that the network sees in full.
        bytes: that one worker takes for it.
    """

    level: Level
    scorer: ShardScorer
    share: float
    bytes: int


def coarse_levels(plan: SegmentPlan) -> list[Coarse]:
    """The levels below full resolution whose tiles fit into the memory beside those of `plan`.

    Raises:
        PlanError: none does, or the scene has no smaller self.
    """
    source, card = plan.source, plan.package.card
    if not isinstance(source, RasterFile):
        raise PlanError("a time budget works on files and URLs; leave it out, or save the scene first")
    whole = plan.tile_px / plan.reduce**2
    candidates: list[Coarse] = []
    for factor in FACTORS:
        # where the network sees several pixels as one, the scene read more coarsely serves as it is
        reduce = max(1, plan.reduce // factor)
        halo, stride = card.halo * reduce, card.stride * reduce
        level = Level.over(source.meta.box, [s.box for s in plan.layout], factor=factor, halo=halo, stride=stride)
        thin = replace(
            plan,
            source=ThinScene(source, factor),
            layout=ShardLayout(level.grid, 1, 1),
            halo=level.grid.rows.halo,
            reduce=reduce,
            blend_px=0,
        )
        share = len(plan.layout) * level.area / reduce**2 / whole
        if share < WORTH_IT * (candidates[-1].share if candidates else 1.0):
            cost = cost_of(source.meta, plan.package, plan.options, reduce=reduce, blend=False)
            pixel = cost.bytes_per_px + cost.own_bytes_per_px
            candidates.append(Coarse(level, ShardScorer(thin), share, int(level.area * pixel)))
    return _fitting(plan, candidates)


def _fitting(plan: SegmentPlan, candidates: Sequence[Coarse]) -> list[Coarse]:
    """Those of the levels for which the budget has room, the coarsest before all others."""
    room = budget_of(plan.options) - (base := run_bytes(plan.layout, plan.cost, plan.workers))
    found: list[Coarse] = []
    for coarse in reversed(candidates):
        room -= plan.workers * coarse.bytes
        if room < 0:
            break
        found.insert(0, coarse)
    if found:
        return found
    if not candidates:
        raise PlanError("the scene is too small for a time budget: it cannot be looked at more coarsely; leave it out")
    raise PlanError(
        "a time budget needs room for a second network: give at least "
        f"--memory {math.ceil((base + plan.workers * candidates[-1].bytes) / 1e8) / 10:.1f}GB, or fewer --workers"
    )


class PacedScorer(ShardScorer):
    """Scores each shard at the level that the controller chooses when a worker takes it up.

    Args:
        shards: that are left to do.
        deadline: when the last should be done, on the monotonic clock, seconds.
        notes: of an earlier run; added to.
    """

    def __init__(
        self,
        plan: SegmentPlan,
        aoi: AreaOfInterest | None,
        *,
        shards: Sequence[Shard],
        deadline: float,
        notes: LevelNotes,
    ) -> None:
        super().__init__(plan, aoi)
        self.coarse = coarse_levels(plan)
        self.deadline, self.notes = deadline, notes
        self._left_px = sum(s.box.area for s in shards)
        self._controller = Controller(_expected(plan, self.coarse))
        self._at_work: dict[int, _Work] = {}
        self._deciding = threading.Lock()
        self._process = psutil.Process()
        self._load_by_others()

    def score(self, row: int, col: int) -> Scores:
        """Scores of a shard, on the scene's own grid."""
        shard = self.plan.layout.shard(row, col)
        if not self.wanted(shard):
            with self._deciding:  # it takes no time, and tells nothing of what others take
                self._left_px -= shard.box.area
            self.notes.add(shard.name, 0)
            return self.nothing(shard)
        work = self._take(shard)
        if work.level == 0:
            scorer, mine = ShardScorer.load(self), shard
            pixels, valid = work.timed(lambda: self.read(shard))
            scores = scorer.score(shard, pixels, valid)
        else:
            coarse = self.coarse[work.level - 1]
            predictor, mine = coarse.scorer.load(), coarse.level.shard(shard)
            pixels, valid = work.timed(lambda: coarse.scorer.read(mine))
            scores = enlarged(predictor.score(mine, pixels, valid), mine.box, shard.box, coarse.level.factor)
            if self.aoi is not None:
                scores = scores.masked(self.aoi.mask(shard.box))
        work.read_px = mine.read.area
        self.notes.add(shard.name, self.factor(work.level))
        return scores

    def factor(self, level: int) -> int:
        """Pixels a side that are seen as one at `level`."""
        return 1 if level == 0 else self.coarse[level - 1].level.factor

    def _take(self, shard: Shard) -> _Work:
        """Decide how this thread's next shard is looked at, knowing how long its last one took."""
        me, now = threading.get_ident(), time.monotonic()
        with self._deciding:
            if (last := self._at_work.pop(me, None)) is not None:
                self._controller = self._controller.seen(
                    last.level,
                    px=last.px,
                    seconds=now - last.began,
                    bandwidth=last.read_px / max(last.read_s, 1e-6),
                    load=self._load_by_others(),
                )
            busy = sum(max(0.0, w.began + w.expected - now) for w in self._at_work.values())
            wall = self.deadline - now
            left = Left(self._left_px, self.plan.workers * wall - busy, part_px=shard.box.area, wall=wall)
            self._controller = self._controller.choose(left)
            level, px = self._controller.level, shard.box.area
            self._left_px -= px
            work = _Work(level, px, now, expected=self._controller.costs[level] * px)
            self._at_work[me] = work
        return work

    def _load_by_others(self) -> float:
        """Share of the processors, 0 to 1, that other programs took since the last call."""
        every, own = psutil.cpu_percent(), self._process.cpu_percent() / psutil.cpu_count()
        return float(min(1.0, max(0.0, (every - own) / 100)))


@dataclass(slots=True)
class _Work:
    """A shard in the hands of a thread."""

    level: int
    px: int
    began: float
    expected: float
    read_s: float = 0.0
    read_px: int = 0

    def timed(self, read: Any) -> Any:
        """What `read` gives; how long it took is noted."""
        began = time.monotonic()
        found = read()
        self.read_s = time.monotonic() - began
        return found


class LevelNotes:
    """At which level each shard was seen, in a file beside the shards, for a run that goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = threading.Lock()
        try:
            self.factors: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.factors = {}

    def add(self, shard: str, factor: int) -> None:
        """Note the factor of a shard; 0 where there was nothing to see."""
        with self._writing:
            self.factors[shard] = factor
            draft = self.path.with_suffix(".new")
            draft.write_text(json.dumps(self.factors), encoding="utf-8")
            draft.replace(self.path)

    def note(self, shards: Iterable[Shard]) -> str | None:
        """A line for the user where not everything was seen in full."""
        factors = [self.factors[s.name] for s in shards]
        counts = [(f, factors.count(f)) for f in FACTORS if f in factors]
        if not counts:
            return None
        told = ", ".join(f"{n} with {f} x {f} pixels as one" for f, n in counts)
        return (
            f"to be done in time, {sum(n for _, n in counts)} of {len(factors)} shards were looked at coarsely: {told}"
        )

    def told(self, budget_s: float, shards: Iterable[Shard]) -> dict[str, Any]:
        """What the manifest says: the budget, and pixels a side that were seen as one, shard by shard."""
        return {
            "time_budget_s": budget_s,
            "pixels_seen_as_one": {s.name: f"{f} x {f}" if (f := self.factors[s.name]) else "no data" for s in shards},
        }


def after_s(plan: SegmentPlan) -> float:
    """Seconds that a run is expected to take after the network, by the last one on this machine."""
    pace = recall(cache_folder(), _after_key(plan)) or AFTER_PX_PER_S[plan.options.vectors != "none"]
    return plan.source.meta.box.area / pace


def remember_after(plan: SegmentPlan, seconds: float) -> None:
    """Note how long a run took after the network."""
    remember(cache_folder(), _after_key(plan), plan.source.meta.box.area / max(seconds, 1e-3))


def _after_key(plan: SegmentPlan) -> str:
    more = ["all" if plan.options.probabilities else "best", *plan.options.doubts]
    return f"after the network, {plan.options.vectors}, {' '.join(more)}"


def _expected(plan: SegmentPlan, coarse: Sequence[Coarse]) -> tuple[float, ...]:
    """Seconds of one worker for a pixel of the scene, from the finest level on, before any was seen."""
    pace = recall(cache_folder(), plan.pace_key)
    all_s = plan.cost.seconds(plan.layout.grid) if pace is None else plan.tile_px / pace
    full = all_s * plan.workers / plan.source.meta.box.area
    return (full, *(full * (BESIDE + (1 - BESIDE) * c.share) for c in coarse))
