"""Change of class between two maps: given as class rasters, or made by a model on both dates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import SceneMismatch
from geoglm.io.change.scene_pair import ScenePair
from geoglm.io.label_colours import label_colours
from geoglm.io.label_names import plain
from geoglm.io.labels import Labels, open_labels
from geoglm.io.source import Source
from geoglm.jobs.change.maps import NO_CHANGE, ChangeMaps, Progress, for_blocks, scratch
from geoglm.jobs.change.options import ChangeOptions
from geoglm.jobs.executors import run_shards
from geoglm.jobs.planning import make_plan
from geoglm.jobs.scorer import ShardScorer
from geoglm.options import SegmentOptions
from geoglm.stats.transitions import Judged, TransitionCodes
from geoglm.tiling.shards import Shard
from geoglm.types import INVALID, LandClass, PixelBox

MOST = 15
"""Classes that pairs can be told apart of in a byte."""


@dataclass(frozen=True, slots=True)
class ClassDates:
    """Two dates by their classes.

    Args:
        names: of the classes.
        colours: of the classes, ``#rrggbb``.
        judge: what became of the pixels of a box.
        facts: what the summary says of them.
        notes: what the user should know.
    """

    names: tuple[str, ...]
    colours: tuple[str, ...]
    judge: Callable[[PixelBox], Judged]
    facts: dict[str, object]
    notes: tuple[str, ...] = ()

    @property
    def legend(self) -> tuple[LandClass, ...]:
        """No change, and every change in the colour of what it became."""
        scheme = TransitionCodes(len(self.names))
        pairs = ((code, *scheme.pair(code)) for code in scheme.all)
        changes = (LandClass(code, f"{self.names[a]} → {self.names[b]}", self.colours[b]) for code, a, b in pairs)
        return NO_CHANGE, *changes


def given_maps(before: Path, after: Path, pair: ScenePair) -> ClassDates:
    """Of two class rasters, whose classes are matched by their names, on the grid of `pair`.

    Raises:
        LabelError: one of them is no class raster.
        SceneMismatch: together they have more than 15 classes.
    """
    dates = [open_labels(path, pair.before.meta) for path in (before, after)]
    first, second = (d.classes for d in dates)
    alike = [plain(n) for n in first] == [plain(n) for n in second]
    names = first if alike else tuple(sorted({plain(n): n for n in (*second, *first)}.values()))
    _check(names, before)
    scheme = TransitionCodes(len(names))
    tables = [_table(d, names) for d in dates]
    found = label_colours(after, None, second) | label_colours(before, None, first)

    def judge(box: PixelBox) -> Judged:
        places = [t[d.read(box)] for t, d in zip(tables, dates, strict=True)]
        return Judged.of_classes(places[0], places[1], scheme)

    colours = tuple(found.get(n, _spread(k, len(names))) for k, n in enumerate(names))
    facts: dict[str, object] = {"maps": [str(before), str(after)], "probabilities": "none: a flip counts for sure"}
    return ClassDates(names, colours, judge, facts, tuple(dict.fromkeys(n for d in dates for n in d.notes)))


def _check(names: tuple[str, ...], path: Path | str) -> None:
    if len(names) > MOST:
        raise SceneMismatch(
            f"{path}: {len(names)} classes make too many kinds of change; join some, at most {MOST} can be compared"
        )


def _table(labels: Labels, names: tuple[str, ...]) -> NDArray[np.uint8]:
    """``(256,)`` place in the common list of every place in the labels' own."""
    place = {plain(n): k for k, n in enumerate(names)}
    table = np.full(256, INVALID, np.uint8)
    table[: len(labels.classes)] = [place[plain(n)] for n in labels.classes]
    return table


def _spread(place: int, count: int) -> str:
    """A colour for a class that has none: evenly around the circle of hues."""
    from colorsys import hls_to_rgb

    return "#" + "".join(f"{round(255 * v):02x}" for v in hls_to_rgb(place / count, 0.45, 0.6))


def mapped_by_model(pair: ScenePair, options: ChangeOptions, folder: Path, progress: Progress) -> ClassDates:
    """Of both dates segmented by one model, by its calibrated probabilities.

    Args:
        folder: for arrays that are thrown away.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """
    asked = SegmentOptions(
        model=options.model,
        bands=options.bands,
        memory=options.memory,
        workers=options.workers,
        probabilities=True,
        vectors="none",
    )
    first = make_plan(pair.before, asked)
    if options.model == "auto":  # the second date is seen by the same eyes
        asked = replace(asked, model=first.package.card.name)
    card = first.package.card
    names = tuple(c.name for c in card.classes)
    _check(names, card.name)
    layers = [
        _probabilities(source, asked, scratch(folder, name, (len(names), *pair.before.meta.box.shape), np.uint8),
                       partial(progress, f"segmenting {name}"))
        for source, name in ((pair.before, "before"), (pair.after, "after"))
    ]  # fmt: skip
    scheme, sure = TransitionCodes(len(names)), options.sure("classes")

    def judge(box: PixelBox) -> Judged:
        before, after = (p[:, *box.within(pair.before.meta.box)] for p in layers)
        return Judged.of_probabilities(before, after, scheme, at_least=sure)

    facts: dict[str, object] = {
        "model": {"name": card.name, "version": card.version, "weights_sha256": first.package.sha256},
        "model_why": first.reasons["model"],
        "at_least": sure,
    }
    return ClassDates(names, tuple(c.colour for c in card.classes), judge, facts, first.notes)


def _probabilities(
    source: Source, options: SegmentOptions, percent: NDArray[np.uint8], progress: Callable[[int, int], None]
) -> NDArray[np.uint8]:
    """Percent ``(class, y, x)`` of one date, filled into `percent`."""
    plan = make_plan(source, options)
    scorer, scene, done = ShardScorer(plan), plan.source.meta.box, [0]
    scorer.load()

    def work(shard: Shard) -> None:
        scores = scorer.score(shard.row, shard.col)
        if scores.probabilities is not None:
            percent[:, *shard.box.within(scene)] = scores.probabilities
        done.append(shard.box.area)
        progress(sum(done), scene.area)

    run_shards(list(plan.layout), work, workers=plan.workers)
    return percent


def class_changes(
    dates: ClassDates, pair: ScenePair, options: ChangeOptions, folder: Path, progress: Progress
) -> ChangeMaps:
    """What became what, all over a pair."""
    meta = pair.before.meta
    codes, stays, percent = (scratch(folder, n, meta.box.shape, np.uint8) for n in ("codes", "stays", "percent"))

    def work(box: PixelBox) -> None:
        found, place = dates.judge(box), box.within(meta.box)
        codes[place], stays[place], percent[place] = found.codes, found.stays, found.percent

    for_blocks(
        meta.box, work, side_px=options.block_px, workers=options.workers, progress=partial(progress, "comparing")
    )
    return ChangeMaps(codes, percent, dates.legend, meta.georef, dict(dates.facts), dates.names, stays)
