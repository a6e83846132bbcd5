"""The recipe of ``sentinel2-landcover``: Dynamic World taught to a network that is fast and takes both levels.

Run ``python -m geoglm.train.sentinel2 --data FOLDER --teacher dynamic-world.onnx --encoder-weights FILE -o FOLDER``.
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

from geoglm.nn.encoders import adopt_weights
from geoglm.nn.segmenter import Segmenter, SegmenterSpec
from geoglm.registry.package import ModelPackage, write_package
from geoglm.train.logs import Progress, Verdict
from geoglm.train.loop import Schedule, TrainingPlan, train
from geoglm.train.losses import LossSpec, segmentation_loss
from geoglm.train.samples import Batch, LabelledImage, Moment, SampleSet
from geoglm.train.sentinel2_card import card
from geoglm.train.sentinel2_data import CLASSES, TEMPERATURE, VALIDATION, dynamic_world, lessons, scenes_of
from geoglm.train.sentinel2_score import confusion_of, measured, shares_out
from geoglm.train.sentinel2_skies import to_surface, wobble

SPEC = SegmenterSpec(
    encoder="tu-tf_efficientnet_lite0",
    bands=9,
    classes=9,
    depth=3,
    width=48,
    detail=24,
    stretch="ratio",
    finest=2,
)
"""It stops at stride 8: the teacher looks no farther than 24 px, so nothing farther has to be seen."""
RGB = (2, 1, 0)
"""Where red, green and blue stand among the bands."""
SCHEDULE = Schedule(
    steps=1600, batch=6, side_px=192, peak_rate=2e-3, encoder_rate=0.5, averaging=0.99, report_every=175
)
LOSS = LossSpec((("distillation", 1.0), ("cross_entropy", 0.3), ("dice", 0.2)))
SCALES = (0.5, 1.15)
"""10 m a pixel, or up to 20."""
SURFACE_SHARE = 0.5
"""Of the crops at top of atmosphere, so many are shown as they would look at the surface."""
COMMON = tuple(range(8))
"""Classes on which crops are centred in turn; snow has a set of its own."""
LESSON_SEED = 5


def sample_sets(taught: Mapping[str, Sequence[LabelledImage]]) -> dict[str, SampleSet]:
    """What is trained on, by kind."""
    return {
        "plain": SampleSet(taught["plain"], SCALES, share=0.45, centred_on=COMMON),
        "seasonal": SampleSet(taught["seasonal"], SCALES, share=0.25, centred_on=COMMON),
        "snowy": SampleSet(taught["snowy"], SCALES, share=0.12),
        "surface": SampleSet(taught["surface"], SCALES, share=0.18, centred_on=COMMON),
    }


def draw(sets: Mapping[str, SampleSet], rng: np.random.Generator, now: Moment) -> Batch:
    """Crops of all kinds at both levels."""
    names = list(sets)
    shares = np.array([sets[n].share for n in names])
    crops = []
    for k in rng.choice(len(names), size=now.samples, p=shares / shares.sum()):
        cut = sets[names[k]].draw(rng, now.side_px)
        if names[k] != "surface" and rng.random() >= SURFACE_SHARE:
            crops.append(cut)  # as the teacher saw it
            continue
        pixels = cut.pixels if names[k] == "surface" else to_surface(cut.pixels, rng)
        crops.append(replace(cut, pixels=wobble(pixels, rng)))
    return Batch.of(crops)


def taught_by(teacher_file: Path, folder: Path, temperature: float) -> dict[str, list[LabelledImage]]:
    """All lessons, by kind."""
    every = list(lessons(folder, dynamic_world(teacher_file), seed=LESSON_SEED, temperature=temperature))
    return {
        "plain": [lesson.plain for lesson in every],
        "seasonal": [lesson.seasonal for lesson in every],
        "snowy": [lesson.snowy for lesson in every],
        "surface": [lesson.surface for lesson in every if lesson.surface is not None],
    }


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
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--encoder-weights", type=Path, help="ImageNet weights of efficientnet-lite0")
    start.add_argument("--init", type=Path, help="package to go on from")
    start.add_argument("--weigh", type=Path, help="package to measure again, without training")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=SCHEDULE.steps)
    parser.add_argument("--rate", type=float, default=SCHEDULE.peak_rate)
    parser.add_argument("--seed", type=int, default=SCHEDULE.seed)
    parser.add_argument("--temperature", type=float, default=TEMPERATURE, help="of the teacher's probabilities")
    asked = parser.parse_args()
    schedule = replace(SCHEDULE, steps=asked.steps, peak_rate=asked.rate, seed=asked.seed)
    torch.manual_seed(schedule.seed)
    network = Segmenter(SPEC)
    if package := asked.init or asked.weigh:
        network.load_state_dict(ModelPackage.open(package).network().state_dict())
    else:
        adopt_weights(network.encoder, torch.load(asked.encoder_weights, weights_only=True).values(), rgb=RGB)
    for part in network.modules():
        if isinstance(part, nn.Dropout2d):
            part.p = 0.0  # a teacher makes no random mistakes that dropout would have to keep from being learnt
    averaged: nn.Module = network
    if not asked.weigh:
        watched = [image for _, image in scenes_of(asked.data, VALIDATION, dynamic_world(asked.teacher))]
        plan = TrainingPlan(
            schedule,
            draw=partial(draw, sample_sets(taught_by(asked.teacher, asked.data, asked.temperature))),
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


if __name__ == "__main__":
    main()
