"""Small labelled images, a network and a plan that tests train with. Quick to import."""

import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from geoglm.train.curriculum import THREE_STAGES
from geoglm.train.evaluate import confusion_matrix
from geoglm.train.logs import Verdict, side_by_side
from geoglm.train.loop import Schedule, TrainingPlan, train
from geoglm.train.losses import LossSpec, segmentation_loss
from geoglm.train.samples import Batch, LabelledImage, Moment, SampleSet, draw_crops

COLOURS = ("ff0000", "00ff00", "0000ff")


def coded_image(side: int = 160, dtype: str = "uint8") -> LabelledImage:
    """An image whose colour tells its label: band k is at full scale where the label is k."""
    labels = np.random.default_rng(0).integers(0, 3, (side // 16, side // 16)).astype(np.uint8)
    labels = labels.repeat(16, 0).repeat(16, 1)
    full = {"uint8": 255, "uint16": 10000, "float32": 1}[dtype]
    pixels = np.stack([np.where(labels == k, full, 0).astype(dtype) for k in range(3)])
    return LabelledImage(pixels, labels)


def small_plan(**changes: object) -> TrainingPlan:
    """A plan for images whose colour tells their class."""
    samples = [SampleSet([coded_image()], (0.8, 1.25), share=1.0)]
    held_out = coded_image(64)

    def validate(network: nn.Module) -> Verdict:
        confusion = confusion_matrix(network, [held_out], classes=3, stride=1)
        with torch.no_grad():
            found = network(torch.from_numpy(held_out.pixels).float()[None] / 127.5 - 1)[0].argmax(0).numpy()
        score = float(np.diag(confusion).sum() / confusion.sum())
        picture = side_by_side(held_out.pixels, held_out.labels, found, colours=COLOURS)
        return Verdict(score, {"red": score}, {0.5: score, 1.0: 0.9, 2.0: 0.8}, [picture])

    def draw(rng: np.random.Generator, now: Moment) -> Batch:
        return Batch.of(draw_crops(samples, rng, now))

    schedule = Schedule(**({"steps": 12, "batch": 2, "side_px": 32, "report_every": 4} | changes))  # type: ignore[arg-type]
    return TrainingPlan(schedule, draw, partial(segmentation_loss, spec=LossSpec()), validate, curriculum=THREE_STAGES)


def small_network() -> nn.Module:
    """Per-pixel, with BatchNorm and dropout; the same weights every time."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.Dropout2d(0.1), nn.Conv2d(8, 3, 1))


def die_at(step: int, folder: str) -> None:
    """Train until the batch of `step` is to be drawn; then die as by the kernel's hand."""
    plan = small_plan(checkpoint_every_s=0.0)

    def draw(rng: np.random.Generator, now: Moment) -> Batch:
        if now.step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return plan.draw(rng, now)

    train(small_network(), replace(plan, draw=draw), folder=Path(folder))
