"""What each date of a series says by itself: class maps as given, or made by a model of every scene."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import Resampling

from geoglm.errors import SceneMismatch, SeriesError
from geoglm.io.class_raster import ClassRaster
from geoglm.io.geotiff import RasterFile
from geoglm.io.label_colours import label_colours, spread_colour
from geoglm.io.label_names import check_shared, place_table, plain
from geoglm.io.labels import Labels, open_labels
from geoglm.io.series.stack import Stack
from geoglm.io.source import Source
from geoglm.jobs.manifest import file_hash, quick_key
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.planning import make_plan
from geoglm.jobs.progress import Progress
from geoglm.jobs.segment import segment_file
from geoglm.jobs.series.scenes import Dated
from geoglm.options import SegmentOptions
from geoglm.stats.series.evidence import Evidence, Labelled, Probabilities
from geoglm.types import INVALID, LandClass, PixelBox
from geoglm.version import __version__

DATES = "dates"
"""Folder below the results with what `segment` made of each date."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """All dates on the grid of a series.

    Args:
        legend: the classes; a place is one in this list.
        read: what a date, by its number, says of the pixels of a box.
        facts: what the summary says of how the dates were seen.
        source: what saw them, by which finished blocks of another are told.
        notes: what the user should know.
    """

    legend: tuple[LandClass, ...]
    read: Callable[[int, PixelBox], Evidence]
    facts: dict[str, Any]
    source: str
    notes: tuple[str, ...] = ()


def are_maps(series: Sequence[Dated], options: SegmentOptions) -> bool:
    """Whether the scenes are maps of classes: of whole numbers in one band, while no model is named.

    Raises:
        SeriesError: some are and some are not, or choices do not go with maps.
    """
    maps = [_is_map(d.source) for d in series]
    if options.model != "auto" or not any(maps):
        return False
    if not all(maps):
        one, other = (series[maps.index(kind)].scene for kind in (True, False))
        raise SeriesError(f"{one} is a map of classes and {other} an image; give maps of all dates, or images")
    plain_terms = SegmentOptions(memory=options.memory, workers=options.workers)
    if options != plain_terms:
        raise SeriesError("these are maps of classes, which are taken as they are; leave out what is meant for a model")
    return True


def _is_map(source: RasterFile) -> bool:
    return len(source.meta.bands) == 1 and np.dtype(source.meta.dtype).kind in "ui"


def given_maps(series: Sequence[Dated], stack: Stack, *, noise: float) -> Seen:
    """Of class rasters, whose classes are matched by their names.

    A ``classes.tif`` with a ``confidence.tif`` of its size beside it, as `segment` leaves them, is believed as far as
    that says; of any other map a share of `noise` is wrong.

    Raises:
        LabelError: one of them is no class raster, or has no class in common with the others.
        SceneMismatch: a map is no file of this machine.
    """
    paths = [d.scene for d in series]
    if far := [p for p in paths if not isinstance(p, Path)]:
        raise SceneMismatch(f"{far[0]}: maps of classes are read from this machine; download it first")
    here = [p for p in paths if isinstance(p, Path)]
    labels = [open_labels(p, stack.grid) for p in here]
    legend = _legend(here, series, labels)
    tables = [place_table(found.classes, [c.name for c in legend]) for found in labels]
    sure = [_confidence(d, stack) for d in series]

    def read(date: int, box: PixelBox) -> Evidence:
        confidence = None
        if (source := sure[date]) is not None:
            pixels, valid = source.read(box, (0,))
            confidence = np.where(valid, pixels[0], INVALID).astype(np.uint8).ravel()
        return Labelled(tables[date][labels[date].read(box)].ravel(), len(legend), noise, confidence)

    facts = {"maps": "as given", "confidence": [s is not None for s in sure]}
    beside = [p.with_name("confidence.tif") for p, s in zip(here, sure, strict=True) if s is not None]
    source = f"given-{quick_key(beside)[:16]}"
    return Seen(legend, read, facts, source, tuple(dict.fromkeys(n for found in labels for n in found.notes)))


def _legend(paths: Sequence[Path], series: Sequence[Dated], labels: Sequence[Labels]) -> tuple[LandClass, ...]:
    """That of the maps where they have one and the same; else all names there are, or numbers if they are that."""
    ours = [d.source.meta.dtype == "uint8" and d.source.meta.nodata == (INVALID,) for d in series]
    told = {ClassRaster(p).classes if own else () for p, own in zip(paths, ours, strict=True)}
    if len(told) == 1 and (common := told.pop()):
        return common
    check_shared(paths, [found.classes for found in labels])
    names = list({plain(n): n for found in reversed(labels) for n in found.classes}.values())
    numbers = all(n.isdecimal() and int(n) < INVALID for n in names)
    names.sort(key=int if numbers else str)
    if len(names) >= INVALID:
        raise SeriesError(f"the maps have {len(names)} classes together; at most {INVALID - 1} can be told apart")
    found: dict[str, str] = {}
    for path, own in zip(paths, labels, strict=True):
        found |= label_colours(path, None, own.classes)
    return tuple(
        LandClass(int(n) if numbers else k, n, found.get(n, spread_colour(k, len(names)))) for k, n in enumerate(names)
    )


def _confidence(date: Dated, stack: Stack) -> Source | None:
    """How sure a map of `segment` is, in the common pixels."""
    beside = date.scene.with_name("confidence.tif") if isinstance(date.scene, Path) else Path()
    if not (date.source.path.name == "classes.tif" and beside.exists()):
        return None
    source = RasterFile(beside)
    if source.meta.box != date.source.meta.box or source.meta.dtype != "uint8":
        return None
    return stack.align(source, kernel=Resampling.nearest)


def mapped_by_model(
    series: Sequence[Dated], stack: Stack, options: SegmentOptions, output: Path, progress: Progress
) -> Seen:
    """Of every scene segmented by one model, into ``dates/DAY`` below `output`; what is there already is taken over.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """
    options = replace(options, probabilities=True, vectors="none", report=False)
    plans: list[SegmentPlan] = []
    for date in series:  # all are looked at before the first is worked on
        plans.append(make_plan(date.source, options))
        if options.model == "auto":  # the other dates are seen by the same eyes
            options = replace(options, model=plans[0].package.card.name)
    layers, reused = [], []
    for date, plan in zip(series, plans, strict=True):
        folder = output / DATES / str(date.day)
        if _finished(folder, date, plan):
            reused.append(str(date.day))
        else:
            segment_file(date.scene, folder, options, _of_day(progress, str(date.day)))
        layers.append(stack.align(RasterFile(folder / "probabilities.tif"), kernel=Resampling.bilinear))
    card = plans[0].package.card
    bands = range(len(card.classes))

    def read(date: int, box: PixelBox) -> Evidence:
        pixels, valid = layers[date].read(box, bands)
        return Probabilities(np.where(valid, pixels, INVALID).astype(np.uint8).reshape(len(bands), -1))

    facts = {
        "maps": "by the model",
        "model": {"name": card.name, "version": card.version, "weights_sha256": plans[0].package.sha256},
        "model_why": plans[0].reasons["model"],
        "reused": reused,
    }
    return Seen(
        card.classes, read, facts, plans[0].package.sha256[:16], tuple(dict.fromkeys(n for p in plans for n in p.notes))
    )


def _of_day(progress: Progress, day: str) -> Progress:
    """Progress that tells which day is being worked on."""

    def told(phase: str, done: int, total: int) -> None:
        progress(f"{day}: {phase}", done, total)

    return told


def _finished(folder: Path, date: Dated, plan: SegmentPlan) -> bool:
    """Whether a finished segmentation of the same scene by the same model and plan lies there."""
    try:
        told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        same = told["geoglm"] == __version__ and told["model"]["weights_sha256"] == plan.package.sha256
        same = same and _lasting(told["plan"]) == _lasting(json.loads(json.dumps(plan.describe())))
        facts = file_hash(date.scene) if isinstance(date.scene, Path) else date.source.facts
        same = same and bool(facts) and facts.items() <= told["scene"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return bool(same and (folder / "probabilities.tif").exists())


def _lasting(plan: dict[str, Any]) -> dict[str, Any]:
    """What of a plan the maps depend on."""
    passing = ("predicted", "workers")
    return {k: v for k, v in plan.items() if not k.startswith(passing) and not k.endswith("_why")}
