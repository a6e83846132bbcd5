"""The training itself: from material in memory to a measured package."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from geoglm.io.label_names import plain
from geoglm.jobs.manifest import file_hash
from geoglm.jobs.training.card import MADE_BY, inherited, limits
from geoglm.jobs.training.folder import TrainingFolder
from geoglm.jobs.training.material import LEAST_PX, Material, Report
from geoglm.jobs.training.request import ClassScore, TrainRequest, TrainResult
from geoglm.nn.segmenter import SegmenterSpec
from geoglm.nn.tileable import NotTileable, exact_halo
from geoglm.registry.package import ModelPackage, write_package
from geoglm.stats.accuracy import count_pairs, intersection_over_union
from geoglm.train.evaluate import tiled_agreement
from geoglm.train.finetune import (
    AsOneScene,
    Lesson,
    class_map,
    logits_of,
    new_network,
    schedule_for,
    seconds_a_step,
    steps_within,
)
from geoglm.train.logs import Progress
from geoglm.train.loop import Schedule, train
from geoglm.train.parallel import launch, rank

HALOS = (0, 32, 64, 96, 128, 160, 192, 256)
"""Halos, px, at which agreement is measured."""
GOALS = (0.995, 0.999)
DEFAULT_GOAL = 0.999
LEAST_CALIBRATION_PX = 300
"""Held-back pixels below which no temperature is fitted."""
MOSAIC_PX = 768
"""Side of the image on which agreement is measured, px."""


def run_training(
    request: TrainRequest,
    material: Material,
    base: ModelPackage | None,
    folder: TrainingFolder,
    terms: dict[str, Any],
    *,
    seconds: dict[str, float],
    report: Report,
) -> TrainResult:
    """Train, measure, publish.

    Args:
        terms: what a killed run of the same training decided; the number of steps is taken over from it.
    """
    lesson = material.lesson()
    torch.manual_seed(request.seed)
    network = new_network(material.spec, base.network() if base else None, _same_names(material, base))
    if "steps" not in terms:
        report("timing a step", 0, 0)
        terms |= {"steps": request.steps or _steps(lesson, network, request, base)}
        folder.keep(terms)
    schedule = schedule_for(int(terms["steps"]), seed=request.seed, kept=_stands(base), parts=request.processes)
    began = time.monotonic()
    trained = _trained(network, lesson, schedule, folder, processes=request.processes, report=report)
    seconds["training"] = time.monotonic() - began
    began = time.monotonic()
    report("measuring", 0, 0)
    for value in trained.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half().float())  # measure what is kept
    metrics, scores = _measured(lesson, material, trained, base)
    calibration = metrics.pop("calibration", None)
    card = material.card | {
        "geoglm:calibration": calibration,
        "geoglm:tiling": tiling(trained, lesson, material, base),
        "geoglm:metrics": metrics,
        "geoglm:limits": limits(material.notes, metrics),
        "geoglm:training": _provenance(request, material, base, schedule),
        "mlm:framework_version": torch.__version__.split("+")[0],
        "mlm:total_parameters": sum(p.numel() for p in trained.parameters()),
    }
    draft = folder.path / "package"
    write_package(draft, trained, {k: v for k, v in card.items() if v is not None})
    folder.publish(draft)
    seconds["measuring"] = time.monotonic() - began
    return TrainResult(
        folder=folder.output,
        log=folder.path,
        classes=scores,
        miou=metrics.get("miou"),
        overall_accuracy=metrics.get("overall_accuracy"),
        steps=schedule.steps,
        seconds=seconds,
        notes=material.notes,
        metrics=metrics,
    )


def _trained(
    network: nn.Module, lesson: Lesson, schedule: Schedule, folder: TrainingFolder, *, processes: int, report: Report
) -> nn.Module:
    """The average network after training, in this process or in several."""
    looks = getattr(network, "summary_size", 0) > 0

    def told(now: Progress) -> None:
        report("training", now.step, now.steps)

    report("training", 0, schedule.steps)
    if processes == 1:
        return train(network, lesson.plan(schedule, looks=looks), folder=folder.path, progress=told).eval()
    answer = folder.path / "average.safetensors"
    launch(_learn, processes, network, lesson, schedule, folder.path, answer)
    network.load_state_dict(load_file(answer))
    answer.unlink()
    return network.eval()


def _learn(network: nn.Module, lesson: Lesson, schedule: Schedule, folder: Path, answer: Path) -> None:
    """What each of several processes does."""
    looks = getattr(network, "summary_size", 0) > 0
    average = train(network, lesson.plan(schedule, looks=looks), folder=folder)
    if rank() == 0:
        save_file({k: v.contiguous() for k, v in average.state_dict().items()}, answer)


def _same_names(material: Material, base: ModelPackage | None) -> dict[int, int]:
    """Class → class of the base of the same name."""
    theirs = {plain(c.name): k for k, c in enumerate(base.card.classes)} if base else {}
    return {k: theirs[plain(n)] for k, n in enumerate(material.classes) if plain(n) in theirs}


def _stands(base: ModelPackage | None) -> bool:
    """Whether there is an encoder to keep as it is: not one that was pruned and never mended or taught since."""
    return base is not None and bool((base.card.data.get("geoglm:pruning") or {"mended_on": True})["mended_on"])


def _steps(lesson: Lesson, network: nn.Module, request: TrainRequest, base: ModelPackage | None) -> int:
    """As many steps as fit into the minutes that were asked for, with what comes after them."""
    looks = getattr(network, "summary_size", 0) > 0
    trial = lesson.plan(schedule_for(100, seed=request.seed, kept=_stands(base)), looks=looks)
    began = time.monotonic()
    trial.validate(network.eval())
    judging = time.monotonic() - began
    return steps_within(60 * request.minutes, seconds_a_step(network, trial), judging)


def _measured(
    lesson: Lesson, material: Material, network: nn.Module, base: ModelPackage | None
) -> tuple[dict[str, Any], tuple[ClassScore, ...]]:
    """Metrics for the card, and a row for every class; nothing is said of classes that could not be held back."""
    split, names = material.split, lesson.classes
    measured = split.measured(LEAST_PX)
    iou: list[float | None] = [None] * len(names)
    before: list[float | None] = [None] * len(names)
    metrics: dict[str, Any] = {
        "data": "no labels could be held back",
        "miou": None,
        "validation": "none",
    }
    if any(measured):
        found = lesson.evaluate(network)
        judged = np.flatnonzero(measured)
        ratios = found.own.iou
        iou = [round(float(ratios[k]), 4) if measured[k] else None for k in range(len(names))]
        if base is not None:
            before = _before(lesson, material, base, measured)
        gap = split.gap_px * material.views[0].gsd_m
        metrics = found.as_dict() | {
            "data": f"{sum(split.validation)} labelled pixels in blocks held back, more than {split.gap_px} px"
            + (f" ({gap:.3g} m)" if gap else "")
            + " from those learnt from; untiled, float32, at the resolution that the network sees",
            "miou": round(float(ratios[judged].mean()), 4),
            "iou": {n: v for n, v in zip(names, iou, strict=True) if v is not None},
            "not_measured": [n for n, m in zip(names, measured, strict=True) if not m],
            "gap_px": split.gap_px,
        }
        if found.calibration and found.calibration.pixels < LEAST_CALIBRATION_PX:
            metrics.pop("calibration", None)
    colours = lesson.colours
    rows = zip(names, colours, split.training, split.validation, iou, before, strict=True)
    return metrics, tuple(ClassScore(*row) for row in rows)


def _before(lesson: Lesson, material: Material, base: ModelPackage, measured: tuple[bool, ...]) -> list[float | None]:
    """IoU of the base model on the held-back labels, for classes that it knows by the same name.

    A pixel that it gives a class the labels do not have counts as missed.
    """
    theirs = _same_names(material, base)
    count = len(lesson.classes)
    table = np.full(len(base.card.classes), count, np.uint8)
    for mine, place in theirs.items():
        table[place] = mine
    network = base.network()
    total = np.zeros((count + 1, count + 1), np.int64)
    for image in lesson.held_back:
        found = table[class_map(logits_of(network, image, base.card.scaling))]
        total += count_pairs(image.labels, found, classes=count + 1)
    ratios = intersection_over_union(total)
    return [round(float(ratios[k]), 4) if k in theirs and measured[k] else None for k in range(count)]


def tiling(network: nn.Module, lesson: Lesson, material: Material, base: ModelPackage | None) -> dict[str, Any]:
    """The card's tiling: halos measured on what was read, and the receptive field put to the test."""
    stride, bands = int(getattr(network, "stride", 1)), lesson.images[0].bands
    try:
        if base and base.card.exact_halo is not None and _same_but_classes(material.spec, base):
            exact: int | None = base.card.exact_halo
        else:
            exact = exact_halo(network, bands=bands, stride=stride)
    except NotTileable:
        exact = None
    halos = [h for h in HALOS if h % stride == 0 and (exact is None or h <= exact)]
    scene = lesson.mosaic(MOSAIC_PX)
    seen = AsOneScene(network, scene, lesson.scaling)
    agreement = tiled_agreement(
        seen, scene.pixels, halos=halos, tiles=2, stride=stride, prepare=lesson.prepare_raw(scene.unit)
    )
    needed = {f"{g}": next((h for h, a in agreement.items() if a >= g), exact or halos[-1]) for g in GOALS}
    rows, cols = scene.labels.shape
    return {
        "stride": stride,
        "tileable": exact is not None,
        "halo": needed[f"{DEFAULT_GOAL}"],
        "exact_halo": exact,
        "needed": needed,
        "agreement": {str(h): round(a, 5) for h, a in agreement.items()},
        "agreement_data": f"{cols} x {rows} px of the training scenes, mirrored where those are smaller, 2 x 2 tiles",
    }


def _same_but_classes(spec: SegmenterSpec, base: ModelPackage) -> bool:
    """Whether a network looks as far as the base does: the same but for its head."""
    theirs = SegmenterSpec(**base.card.network)
    return replace(spec, classes=theirs.classes) == theirs


def _provenance(
    request: TrainRequest, material: Material, base: ModelPackage | None, schedule: Schedule
) -> dict[str, Any]:
    """What a card says of how the model came about."""
    split = material.split
    return {
        "by": MADE_BY,
        "scenes": [{"file": p.name, **file_hash(p)} for p in request.scenes],
        "labels": [{"file": p.name, **file_hash(p)} for p in request.labels],
        "class_field": request.class_field,
        "labelled_pixels": dict(zip(material.classes, split.training, strict=True)),
        "seed": request.seed,
        "schedule": asdict(schedule),
        "from": inherited(base.card if base else None, base.sha256 if base else None),
        "notes": list(material.notes),
    }
