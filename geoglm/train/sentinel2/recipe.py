"""The recipe of ``sentinel2-landcover``: Dynamic World taught to a network that is fast and takes both levels.

Run ``python -m geoglm.train.sentinel2 --data FOLDER --teacher dynamic-world.onnx -o FOLDER``.
The teacher knows top of atmosphere (L1C) only. The student is shown every scene as that, or as surface reflectance
(L2A) made of it, or as real surface reflectance, always under the teacher's answer to top of atmosphere. A run that
was stopped goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from geoglm.nn.segmenter import Segmenter, SegmenterSpec
from geoglm.registry.package import ModelPackage, write_package
from geoglm.train.exact_crops import ExactSet, draw_kinds
from geoglm.train.logs import Progress, Verdict
from geoglm.train.loop import Schedule, TrainingPlan, train
from geoglm.train.losses import LossSpec, segmentation_loss
from geoglm.train.samples import Batch, LabelledImage, Moment
from geoglm.train.sentinel2.card import card
from geoglm.train.sentinel2.data import CLASSES, TEMPERATURE, VALIDATION, dynamic_world, labelled, lessons, scenes_of
from geoglm.train.sentinel2.invented import invented, sources_of
from geoglm.train.sentinel2.score import confusion_of, measured, shares_out
from geoglm.train.sentinel2.skies import to_surface, wobble

SPEC = SegmenterSpec(
    encoder="separable-40",
    bands=9,
    classes=9,
    depth=3,
    width=32,
    detail=32,
    stretch="ratio",
    finest=2,
)
"""Efficientnet-lite0 with ImageNet weights, 16 channels at stride 2, learnt the teacher more slowly than this from
nothing."""
SCHEDULE = Schedule(
    steps=6000, batch=10, side_px=144, peak_rate=4e-3, encoder_rate=1.0, averaging=0.998, report_every=500
)
CLASS_WEIGHTS = (1.0, 1.0, 2.0, 2.0, 1.0, 1.5, 1.0, 1.0, 1.0)
LOSS = LossSpec((("distillation", 1.0), ("cross_entropy", 0.3)), class_weights=CLASS_WEIGHTS)
SURFACE_SHARE = 0.5
"""Of the crops at top of atmosphere, so many are shown as they would look at the surface."""
COMMON, EVERY = tuple(range(8)), tuple(range(9))
"""Classes on which crops are centred in turn; snow has a set of its own."""
SHARES = {"invented": 0.7, "plain": 0.15, "surface": 0.1, "seasonal": 0.04, "snowy": 0.01}
REAL_SHARES = {"plain": 0.45, "seasonal": 0.25, "surface": 0.18, "snowy": 0.12}
"""Of a batch, with and without invented scenes."""
INVENTED = 6000
INVENTED_SEED = 10
LESSON_SEED = 5


def sample_sets(taught: Mapping[str, Sequence[LabelledImage]]) -> dict[str, ExactSet]:
    """What is trained on, by kind."""
    shares = SHARES if "invented" in taught else REAL_SHARES
    sets = {
        "plain": ExactSet(taught["plain"], share=shares["plain"], centred_on=COMMON),
        "seasonal": ExactSet(taught["seasonal"], share=shares["seasonal"], centred_on=COMMON),
        "surface": ExactSet(taught["surface"], share=shares["surface"], centred_on=COMMON),
        "snowy": ExactSet(taught["snowy"], share=shares["snowy"]),
    }
    if "invented" in taught:
        sets["invented"] = ExactSet(taught["invented"], share=shares["invented"], centred_on=EVERY, halved=0)
    return sets


def draw(sets: Mapping[str, ExactSet], rng: np.random.Generator, now: Moment) -> Batch:
    """Crops of all kinds at both levels."""
    crops = []
    for kind, cut in draw_kinds(sets, rng, now.samples, now.side_px):
        if kind != "surface" and rng.random() >= SURFACE_SHARE:
            crops.append(cut)  # as the teacher saw it
            continue
        pixels = cut.pixels if kind == "surface" else to_surface(cut.pixels, rng)
        crops.append(replace(cut, pixels=wobble(pixels, rng)))
    return Batch.of(crops)


def taught_by(
    teacher_file: Path, folder: Path, temperature: float, *, count: int, seed: int
) -> dict[str, list[LabelledImage]]:
    """All lessons, by kind, and `count` invented ones, others for each `seed`."""
    every = list(lessons(folder, dynamic_world(teacher_file), seed=LESSON_SEED, temperature=temperature))
    taught = {
        "plain": [lesson.plain for lesson in every],
        "seasonal": [lesson.seasonal for lesson in every],
        "snowy": [lesson.snowy for lesson in every],
        "surface": [lesson.surface for lesson in every if lesson.surface is not None],
    }
    if count:
        sources = sources_of([lesson.name for lesson in every], taught["plain"])
        quick = dynamic_world(teacher_file, precise=False)
        new = invented(sources, quick, count=count, seed=INVENTED_SEED + seed, temperature=temperature)
        taught["invented"] = [labelled(pixels, soft) for pixels, soft in new]
    return taught


@torch.no_grad()
def validated(network: nn.Module, images: Sequence[LabelledImage]) -> Verdict:
    """Agreement with the teacher on the validation places, at both levels."""
    confusions = [confusion_of(network, images, surface=s) for s in (False, True)]
    agreement = [float(np.diag(c).sum() / c.sum()) for c in confusions]
    iou, _ = shares_out(confusions[0])
    return Verdict(sum(agreement) / 2, {"surface": agreement[1]} | dict(zip(CLASSES, iou.tolist(), strict=True)))


def as_it_is(pixels: Tensor) -> Tensor:
    """Reflectance is the network's input; its stretch does the rest."""
    return pixels


def told(progress: Progress) -> None:
    """Print what validation found."""
    if progress.verdict is not None:
        print(f"step {progress.step} loss {progress.loss:.4f} {progress.verdict}", flush=True)


def main() -> None:
    """Train, validate, publish the averaged weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the scenes and their PROVENANCE.csv")
    parser.add_argument("--teacher", type=Path, required=True, help="dynamic-world.onnx")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--init", type=Path, help="package to go on from")
    start.add_argument("--weigh", type=Path, help="package to measure again, without training")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=SCHEDULE.steps)
    parser.add_argument("--rate", type=float, default=SCHEDULE.peak_rate)
    parser.add_argument("--seed", type=int, default=SCHEDULE.seed)
    parser.add_argument("--temperature", type=float, default=TEMPERATURE, help="of the teacher's probabilities")
    parser.add_argument("--invented", type=int, default=INVENTED, help="number of invented scenes")
    asked = parser.parse_args()
    schedule = replace(SCHEDULE, steps=asked.steps, peak_rate=asked.rate, seed=asked.seed)
    torch.manual_seed(schedule.seed)
    network = Segmenter(SPEC)
    if package := asked.init or asked.weigh:
        network.load_state_dict(ModelPackage.open(package).network().state_dict())
    for part in network.modules():
        if isinstance(part, nn.Dropout2d):
            part.p = 0.0  # a teacher makes no random mistakes that dropout would have to keep from being learnt
    averaged: nn.Module = network
    if not asked.weigh:
        watched = [image for _, image in scenes_of(asked.data, VALIDATION, dynamic_world(asked.teacher))]
        plan = TrainingPlan(
            schedule,
            draw=partial(
                draw,
                sample_sets(
                    taught_by(asked.teacher, asked.data, asked.temperature, count=asked.invented, seed=schedule.seed)
                ),
            ),
            loss=partial(segmentation_loss, spec=LOSS),
            validate=partial(validated, images=watched),
            prepare=as_it_is,
        )
        averaged = train(network, plan, folder=asked.output, progress=told)
    publish(averaged, asked.data, asked.teacher, asked.output / "sentinel2-landcover")


def publish(network: nn.Module, data: Path, teacher_file: Path, folder: Path) -> None:
    """Write the package: weights in half precision, and the card with everything measured on them."""
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half().float())  # measure what is shipped
    found = measured(network.eval(), data, dynamic_world(teacher_file), stride=2**SPEC.depth)
    parameters = sum(p.numel() for p in network.parameters())
    write_package(folder, network, card(SPEC, found, LOSS, parameters=parameters))
    print(json.dumps(found, indent=1))
