"""The recipe of ``aerial-landcover``: how it is taught, and what is measured on it.

Run ``python -m geoglm.train.aerial --data FOLDER --encoder-weights FILE -o FOLDER``. It reads the folders
`aerial` (MBRSC/Humans in the Loop, Dubai), `naip` and `buildings` (Kampala); tile 2 of `aerial` is
validation and is never trained on. A run that was stopped goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geoglm.nn.encoders import adopt_weights
from geoglm.nn.segmenter import Segmenter, SegmenterSpec
from geoglm.registry.package import ModelPackage, write_package
from geoglm.train.aerial.card import COLOURS, card
from geoglm.train.aerial.data import BUILDING, CLASSES, VALIDATION_TILE, WATER, dubai, sample_sets
from geoglm.train.augment import borrow_colours, disturb, mix_tiles
from geoglm.train.evaluate import confusion_matrix, evaluate_network, intersection_over_union, measured_tiling
from geoglm.train.logs import Progress, Verdict, side_by_side
from geoglm.train.loop import Schedule, TrainingPlan, train
from geoglm.train.losses import LossSpec, segmentation_loss
from geoglm.train.samples import Batch, LabelledImage, Moment, SampleSet, draw_crops

SPEC = SegmenterSpec(encoder="tu-tf_efficientnet_lite0", bands=3, classes=5, depth=5)
SCHEDULE = Schedule(steps=4200, batch=6, side_px=320, peak_rate=1.5e-3, encoder_rate=0.3, report_every=250)
LOSS = LossSpec(
    (("cross_entropy", 1.0), ("dice", 0.5), ("exclusion", 0.5)),
    class_weights=(1.2, 0.8, 1.2, 1.1, 0.9),
    excluded=BUILDING,
)


def disturbed_batch(sets: Sequence[SampleSet], rng: np.random.Generator, now: Moment) -> Batch:
    """Crops under other skies, parts of some of them pasted into others."""
    crops = draw_crops(sets, rng, now)
    shown = [c.pixels for c in crops]
    for k, c in enumerate(crops):
        if rng.random() < 0.25:
            shown[k] = borrow_colours(shown[k], crops[int(rng.integers(len(crops)))].pixels, float(rng.random()))
        shown[k] = disturb(shown[k], c.labels, rng, water=WATER)
    batch = Batch.of([replace(c, pixels=p) for c, p in zip(crops, shown, strict=True)])
    mix_tiles(batch.pixels, batch.labels, rng)
    return batch


def signed_bytes(raw: NDArray[np.float32]) -> Tensor:
    """uint8 pixels as float32 to −1…1."""
    return torch.from_numpy(raw) / 127.5 - 1


def main() -> None:
    """Train, validate, publish the averaged weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--encoder-weights", type=Path, help="ImageNet weights of efficientnet-lite0")
    start.add_argument("--init", type=Path, help="package to go on from")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=SCHEDULE.steps)
    parser.add_argument("--rate", type=float, default=SCHEDULE.peak_rate)
    parser.add_argument("--seed", type=int, default=SCHEDULE.seed)
    asked = parser.parse_args()
    schedule = replace(SCHEDULE, steps=asked.steps, peak_rate=asked.rate, seed=asked.seed)
    torch.manual_seed(schedule.seed)
    network = Segmenter(SPEC)
    if asked.init:
        network.load_state_dict(ModelPackage.open(asked.init).network().state_dict())
    else:
        adopt_weights(network.encoder, torch.load(asked.encoder_weights, weights_only=True).values())
    held_out = list(dubai(asked.data, VALIDATION_TILE))
    plan = TrainingPlan(
        schedule,
        draw=partial(disturbed_batch, sample_sets(asked.data)),
        loss=partial(segmentation_loss, spec=LOSS),
        validate=partial(validated, held_out=held_out),
    )
    averaged = train(network, plan, folder=asked.output, progress=told)
    publish(averaged, held_out, asked.output / "aerial-landcover", schedule)


@torch.no_grad()
def validated(network: nn.Module, held_out: Sequence[LabelledImage]) -> Verdict:
    """IoU on tile 2, and what its first part looks like."""
    iou = intersection_over_union(confusion_matrix(network, held_out, classes=5, stride=2**SPEC.depth))
    first = held_out[0]
    stride = 2**SPEC.depth
    rows, cols = (n // stride * stride for n in first.labels.shape)
    found = network(signed_bytes(first.pixels[:, :rows, :cols].astype(np.float32))[None])[0].argmax(dim=0).numpy()
    picture = side_by_side(first.pixels[:, :rows, :cols], first.labels[:rows, :cols], found, colours=COLOURS)
    return Verdict(float(iou.mean()), {n: float(v) for n, v in zip(CLASSES, iou, strict=True)}, pictures=[picture])


def told(progress: Progress) -> None:
    """Print what validation found."""
    if progress.verdict is not None:
        print(f"step {progress.step} loss {progress.loss:.4f} {progress.verdict}", flush=True)


def publish(network: nn.Module, held_out: list[LabelledImage], folder: Path, schedule: Schedule) -> None:
    """Write the package: weights in half precision, and the card with everything measured on them."""
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half().float())  # measure what is shipped
    network.eval()
    stride = 2**SPEC.depth
    found = evaluate_network(network, held_out, classes=CLASSES, stride=stride, prepare=signed_bytes)
    whole = mosaic(held_out)
    data = f"mosaic of tile 2, {whole.shape[1]} x {whole.shape[2]} px, in tiles of about 512 px"
    tiling = measured_tiling(network, whole, stride=stride, prepare=signed_bytes, data=data)
    parameters = sum(p.numel() for p in network.parameters())
    write_package(folder, network, card(SPEC, found, tiling, schedule, LOSS, parameters=parameters))
    print(json.dumps(found.as_dict() | {"tiling": tiling}, indent=1))


def mosaic(images: Sequence[LabelledImage]) -> NDArray[np.generic]:
    """The nine parts of a tile as one image, cut to the smallest."""
    rows, cols = (min(i.labels.shape[axis] for i in images) for axis in (0, 1))
    parts = [i.pixels[:, :rows, :cols] for i in images]
    return np.concatenate([np.concatenate(parts[k : k + 3], axis=2) for k in (0, 3, 6)], axis=1)
