"""Change of class between two scenes that one model maps, by its calibrated probabilities of both dates."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from geoglm.errors import SceneMismatch
from geoglm.io.journal import Stage
from geoglm.jobs.change.classes import check_count, transitions_legend
from geoglm.jobs.change.kept import Kept
from geoglm.jobs.change.options import ChangeOptions
from geoglm.jobs.change.preflight import Preflight
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.planning import make_plan
from geoglm.jobs.progress import Progress
from geoglm.jobs.scorer import ShardScorer
from geoglm.jobs.workplace import find_workplace, score_shards
from geoglm.options import SegmentOptions
from geoglm.stats.transitions import Judged, TransitionCodes
from geoglm.tiling.shards import Shard
from geoglm.types import PixelBox, Scores

if TYPE_CHECKING:
    from distributed import Client


class ModelCompared:
    """The comparison of two scenes by one model; see `geoglm.jobs.change.maps.Comparison`.

    The first date is scored whole and its probabilities are kept; the second is judged against them, shard by shard.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """

    def __init__(self, ready: Preflight, options: ChangeOptions, client: Client | None = None) -> None:
        self.before, self.after = plans_of(ready, options, probabilities=True)
        seen_by = self.before.package
        self.client, self.sure_from = client, options.sure("classes")
        self.classes = tuple(c.name for c in seen_by.card.classes)
        check_count(self.classes, seen_by.card.name)
        self.legend = transitions_legend(self.classes, [c.colour for c in seen_by.card.classes])
        self.scheme = TransitionCodes(len(self.classes))
        self.notes = tuple(dict.fromkeys((*ready.notes, *notes_of(ready, (self.before, self.after)))))
        self.chunks = self.after.layout.chunks
        self.key = f"model {self.before.key} {self.after.key}"

    def compare(self, kept: Kept, progress: Progress) -> dict[str, Any]:
        """See `Comparison.compare`."""
        left, where = kept.missing(self.after.layout), "nowhere: all shards were finished"
        if left:
            first = _Probabilities(kept.stage, self.before, len(self.classes))
            todo = [s for s in self.before.layout if not first.has(s)]
            self._scored(self.before, todo, first.keep, partial(progress, "segmenting before"))

            def judge(shard: Shard, scores: Scores) -> None:
                assert scores.probabilities is not None
                before = first.read(shard.box)
                judged = Judged.of_probabilities(before, scores.probabilities, self.scheme, at_least=self.sure_from)
                kept.found(shard.name, shard.box, judged)

            where = self._scored(self.after, left, judge, partial(progress, "segmenting after"))
        card = self.before.package.card
        return {
            "model": {"name": card.name, "version": card.version, "weights_sha256": self.before.package.sha256},
            "model_why": self.before.reasons["model"],
            "at_least": self.sure_from,
            "scheduler": where,
        }

    def _scored(
        self,
        plan: SegmentPlan,
        left: Sequence[Shard],
        keep: Callable[[Shard, Scores], None],
        progress: Callable[[int, int], None],
    ) -> str:
        """Score so many shards of one date, and `keep` each; where that was."""
        if not left:
            return "nowhere: all shards were finished"
        total = plan.source.meta.box.area
        done, counting = total - sum(s.box.area for s in left), threading.Lock()

        def told(shard: Shard, scores: Scores) -> None:
            nonlocal done
            keep(shard, scores)
            with counting:
                done += shard.box.area
                progress(done, total)

        place = find_workplace(plan.options.scheduler, threads=plan.workers, client=self.client)
        progress(done, total)
        runtime = score_shards(ShardScorer(plan), left, told, place)
        return f"{place.where}, {runtime}"


def plans_of(ready: Preflight, options: ChangeOptions, **more: Any) -> tuple[SegmentPlan, SegmentPlan]:
    """How one model is to look at both dates.

    Args:
        more: fields of `SegmentOptions` that a comparison leaves open.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """
    first, second = (w.meta for w in ready.pair.wholes)
    if options.scale not in (None, "auto") and first.dtype != second.dtype:
        raise SceneMismatch(
            f"{first.name} has {first.dtype} pixels and {second.name} {second.dtype}: one --scale does not do for "
            "both; use --scale auto"
        )
    asked = SegmentOptions(
        model=options.model,
        bands=options.bands,
        scale=options.scale,
        memory=options.memory,
        workers=options.workers,
        shard_px=options.block_px,
        vectors="none",
        scheduler=options.scheduler,
        **more,
    )
    before = make_plan(ready.pair.before, asked)
    name = before.package.card.name if options.model == "auto" else options.model  # the same eyes see the second date
    return before, make_plan(ready.pair.after, replace(asked, model=name))


def notes_of(ready: Preflight, plans: tuple[SegmentPlan, SegmentPlan]) -> tuple[str, ...]:
    """What the user should know of both plans; what concerns one date alone begins with the name of its scene."""
    first, second = (p.notes for p in plans)
    both = [n for n in first if n in second]
    names = [w.meta.name for w in ready.pair.wholes]
    own = [f"{name}: {n}" for name, p in zip(names, plans, strict=True) for n in p.notes if n not in both]
    return tuple(dict.fromkeys((*both, *own)))


class _Probabilities:
    """Percent of every class of one date, kept shard by shard."""

    def __init__(self, stage: Stage, plan: SegmentPlan, count: int) -> None:
        self.stage, self.plan, self.count = stage, plan, count
        self.shards = list(plan.layout)
        self._opened = lru_cache(2 * plan.workers)(self._open)

    def has(self, shard: Shard) -> bool:
        return self.stage.has_shard(f"before-{shard.name}")

    def keep(self, shard: Shard, scores: Scores) -> None:
        assert scores.probabilities is not None
        packed = isal_zlib.compress(np.ascontiguousarray(scores.probabilities), 0)
        self.stage.save_shard(f"before-{shard.name}", {"percent": packed})

    def read(self, box: PixelBox) -> NDArray[np.uint8]:
        """``(class, y, x)`` of any box; shards of both dates are the same unless their pixels take other room."""
        same = [k for k, s in enumerate(self.shards) if s.box == box]
        if same:
            return self._open(same[0])
        made = np.empty((self.count, *box.shape), np.uint8)
        for k, shard in enumerate(self.shards):
            there = shard.box
            if there.top < box.bottom and there.bottom > box.top and there.left < box.right and there.right > box.left:
                inside = there.clip(box)
                made[:, *inside.within(box)] = self._opened(k)[:, *inside.within(there)]
        return made

    def _open(self, number: int) -> NDArray[np.uint8]:
        shard = self.shards[number]
        packed = self.stage.load_shard(f"before-{shard.name}")["percent"]
        return np.frombuffer(isal_zlib.decompress(packed), np.uint8).reshape(self.count, *shard.box.shape)
