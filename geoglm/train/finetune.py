"""Teaching a network somebody's own classes from few labels: what is kept, what is new, and the recipe.

The encoder of a trained network knows what ground looks like, and stays as it is: from few labels it would only learn
them by heart. Pyramid and fusion go on learning, and a new head learns what is called what. Crops are small and mixed
with each other, so that a class is known by itself and not by what lies around the places where it was drawn. They are
centred on every class in turn, so that rare classes are seen as often as common ones, and disturbed mildly: the sensor
is usually the user's own.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.pixels.scale import Scaling
from geoglm.stats.accuracy import count_pairs, intersection_over_union, mean_iou
from geoglm.stats.evaluation import Evaluation
from geoglm.train.augment import blur, mix_tiles, sensor_noise
from geoglm.train.evaluate import evaluate_network
from geoglm.train.logs import Verdict, side_by_side
from geoglm.train.loop import Schedule, TrainingPlan, Viewer
from geoglm.train.losses import LossSpec, segmentation_loss
from geoglm.train.samples import Batch, LabelledImage, Moment, SampleSet, draw_crops

SCALES = (0.75, 1.33)
"""Magnifications at which crops are shown."""
SCRATCH_ENCODER = "tu-mobilenetv2_050"
"""For a training that starts from nothing."""
GLANCE_PX = 128
"""Side of the glance at the scene, for networks that take one."""
JUDGED, PICTURES = 24, 4
"""Images with held-back labels that are looked at, and drawn, while training goes on; at its end all are."""
REPORTS = 5
"""Times that validation is looked at while training goes on."""
LEAST_STEPS = 20
PRUNED_IN = {"encoder": ("encoder.",), "fusion": ("fusion.", "pyramid.smooth.")}
"""Where the channels of a pruned network stand that a new part does not have."""
BATCH = 16
MEASURING_S = 20.0
"""What measuring at the end takes, about."""


def new_spec(base: SegmenterSpec | None, *, bands: int, classes: int, **asked: Any) -> SegmenterSpec:
    """The network to train: `base` with another head, or a small one; `asked` for parts replaces them by name."""
    start = base or SegmenterSpec(encoder=SCRATCH_ENCODER, bands=bands, classes=classes, depth=4)
    given = {k: v for k, v in asked.items() if v is not None}
    new = [part for part, choice in given.items() if choice != getattr(start, part)]
    kept = {n: count for n, count in start.kept.items() if not any(n.startswith(PRUNED_IN.get(p, ())) for p in new)}
    return replace(start, bands=bands, classes=classes, context=0, kept=kept, **given)


def new_network(spec: SegmenterSpec, base: nn.Module | None, rows: Mapping[int, int]) -> nn.Module:
    """A network built from `spec` with all weights of `base` that fit it; the head is new.

    Args:
        rows: class → class of `base` of the same name, whose row of the head it begins with.
    """
    network = build_segmenter(spec)
    if base is None:
        return network
    old, new = base.state_dict(), network.state_dict()
    kept = {n: old[n] for n, v in new.items() if n in old and old[n].shape == v.shape and not n.startswith("head.")}
    for name in (n for n in new if n.startswith("head.") and n in old):
        if new[name].shape[1:] == old[name].shape[1:]:
            kept[name] = new[name].clone()
            for mine, theirs in rows.items():
                kept[name][mine] = old[name][theirs]
    network.load_state_dict(new | kept)
    return network


def prepared(scaling: Scaling) -> Callable[[Tensor], Tensor]:
    """Pixels ``(n, band, y, x)`` in units of full scale to the network's input, as `Scaling` says."""
    mean, std = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (scaling.mean, scaling.std))

    def prepare(pixels: Tensor) -> Tensor:
        return (pixels - mean) / std

    return prepare


def in_units(image: LabelledImage) -> NDArray[np.float32]:
    """``(band, y, x)`` pixels in units of full scale."""
    scaled: NDArray[np.float32] = image.pixels.astype(np.float32) / np.float32(image.unit)
    return scaled


def disturbed(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Another exposure, contrast and balance of bands, sometimes blur and noise.

    Args:
        pixels: ``(band, y, x)`` float32 in units of full scale.
    """
    bands = len(pixels)
    gain = torch.tensor(np.exp(rng.normal(0, 0.1) + rng.normal(0, 0.04, bands)), dtype=torch.float32)[:, None, None]
    middle = pixels.mean((1, 2), keepdim=True)
    contrast = float(np.exp(rng.normal(0, 0.12)))
    out = ((pixels - middle) * contrast + middle) * gain
    if rng.random() < 0.15:
        out = blur(out, rng)
    if rng.random() < 0.15:
        out = sensor_noise(out, rng)
    return out


def schedule_for(steps: int, *, seed: int, kept: bool, parts: int = 1) -> Schedule:
    """How fast to learn.

    Crops are small, so that a class is known by what it looks like and not by what lies around the few places where
    it was labelled.

    Args:
        kept: encoder and pyramid have been trained before; the encoder then stays as it is.
        parts: of a batch, one for each of the processes that train together.
    """
    return Schedule(
        steps=steps,
        batch=max(1, BATCH // parts),
        parts=parts,
        side_px=96,
        peak_rate=1.5e-3 if kept else 3e-3,
        encoder_rate=0.0 if kept else 1.0,
        averaging=0.99,
        seed=seed,
        report_every=max(1, -(-steps // REPORTS)),
        checkpoint_every_s=20.0,
    )


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is taught, all in memory.

    Args:
        classes: names.
        colours: of the classes, ``#rrggbb``.
        scaling: of the network.
        images: with the labels that teach, 255 elsewhere.
        held_back: with the labels that judge; empty where there is no validation.
    """

    classes: tuple[str, ...]
    colours: tuple[str, ...]
    scaling: Scaling
    images: Sequence[LabelledImage]
    held_back: Sequence[LabelledImage]

    def plan(self, schedule: Schedule, *, looks: bool) -> TrainingPlan:
        """The training of this lesson, of a network that `looks` at the whole scene or does not."""
        there = tuple(k for k in range(len(self.classes)) if any((i.labels == k).any() for i in self.images))
        glance = GLANCE_PX if looks else 0
        samples = SampleSet(self.images, SCALES, share=1.0, centred_on=there, glance_px=glance)
        loss = LossSpec()

        def draw(rng: np.random.Generator, moment: Moment) -> Batch:
            crops = draw_crops([samples], rng, moment)
            batch = Batch.of([replace(c, pixels=disturbed(c.pixels, rng)) for c in crops])
            pixels, labels = mix_tiles(batch.pixels, batch.labels, rng)
            return replace(batch, pixels=pixels, labels=labels)

        return TrainingPlan(
            schedule=schedule,
            draw=draw,
            loss=lambda logits, batch: segmentation_loss(logits, batch, loss),
            validate=self.judge,
            prepare=prepared(self.scaling),
        )

    def judge(self, network: nn.Module) -> Verdict:
        """Mean IoU over the held-back labels, IoU of each class that is among them, and pictures."""
        total = np.zeros((len(self.classes),) * 2, np.int64)
        pictures: list[NDArray[np.uint8]] = []
        for image in self.held_back[:JUDGED]:
            found = class_map(logits_of(network, image, self.scaling))
            total += count_pairs(image.labels, found, classes=len(self.classes))
            if len(pictures) < PICTURES:
                pictures.append(_picture(image, found, self.colours))
        if not total.any():
            return Verdict(0.0)
        there = total.sum(axis=1) > 0
        ratios = intersection_over_union(total)
        each = {n: float(v) for n, v, known in zip(self.classes, ratios, there, strict=True) if known}
        return Verdict(mean_iou(total), by_class=each, pictures=pictures)

    def evaluate(self, network: nn.Module) -> Evaluation:
        """Everything measured on all held-back labels, at the resolution that the network sees."""
        images = [replace(i, pixels=in_units(i), full_scale=1.0, soft=None) for i in self.held_back]
        stride = int(getattr(network, "stride", 1))
        gsd = next((i.gsd_m for i in images if i.gsd_m), None)
        return evaluate_network(
            network,
            images,
            classes=self.classes,
            stride=stride,
            prepare=self.prepare_raw(1.0),
            scales=(1.0,),
            gsd=gsd,
        )

    def prepare_raw(self, unit: float) -> Callable[[NDArray[np.float32]], Tensor]:
        """``(band, y, x)`` pixels, of which `unit` counts as 1, to the network's input of the same shape."""
        prepare = prepared(self.scaling)
        return lambda pixels: prepare(torch.from_numpy(np.ascontiguousarray(pixels, np.float32) / np.float32(unit)))

    def mosaic(self, side: int) -> LabelledImage:
        """The middle of the largest image, `side` px a side, mirrored where it is smaller."""
        image = max(self.images, key=lambda i: i.labels.size)
        tops = [max(0, (n - side) // 2) for n in image.labels.shape]
        cut = np.s_[..., tops[0] : tops[0] + side, tops[1] : tops[1] + side]
        pixels, labels = image.pixels[cut], image.labels[cut]
        beyond = [(0, side - n) for n in labels.shape]
        return replace(
            image,
            pixels=np.pad(pixels, [(0, 0), *beyond], mode="symmetric"),
            labels=np.pad(labels, beyond, mode="symmetric"),
            soft=None,
        )


def _picture(image: LabelledImage, found: NDArray[np.uint8], colours: Sequence[str]) -> NDArray[np.uint8]:
    """Image, labels and map at most 512 px a side, padded to that width."""
    step = max(1, -(-max(image.labels.shape) // 512))
    small = np.s_[..., ::step, ::step]
    parts = [image.pixels[small], image.labels[small], found[small]]
    padded = [np.pad(p, (*[(0, 0)] * (p.ndim - 1), (0, 512 - p.shape[-1])), mode="edge") for p in parts]
    return side_by_side(padded[0], padded[1], padded[2], colours=colours)


class AsOneScene(nn.Module):
    """A network that has looked at `image` as its whole scene, and then is shown parts of it."""

    def __init__(self, network: nn.Module, image: LabelledImage, scaling: Scaling) -> None:
        super().__init__()
        self.network = network.eval()
        self.summary: Tensor | None = None
        if getattr(network, "summary_size", 0):
            with torch.no_grad():
                self.summary = network.summarise(prepared(scaling)(image.glance(GLANCE_PX)[None]))  # type: ignore[operator]

    def forward(self, pixels: Tensor) -> Tensor:
        """``(n, band, y, x)`` network input to logits."""
        logits: Tensor = self.network(pixels) if self.summary is None else self.network(pixels, self.summary)
        return logits


@torch.no_grad()
def logits_of(network: nn.Module, image: LabelledImage, scaling: Scaling) -> NDArray[np.float32]:
    """``(class, y, x)`` logits of the whole `image` at once, as one pass over a scene would give."""
    stride = int(getattr(network, "stride", 1))
    rows, cols = image.labels.shape
    pixels = prepared(scaling)(torch.from_numpy(in_units(image))[None])
    answer = AsOneScene(network, image, scaling)(F.pad(pixels, (0, -cols % stride, 0, -rows % stride)))
    logits: NDArray[np.float32] = answer[0, :, :rows, :cols].float().numpy()
    return logits


def class_map(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """``(y, x)`` the class with the highest logit."""
    found: NDArray[np.uint8] = logits.argmax(axis=0).astype(np.uint8)
    return found


def seconds_a_step(network: nn.Module, plan: TrainingPlan) -> float:
    """Time of a step of the optimiser on this machine: the shorter of two after a first that warms up."""
    trial, schedule = copy.deepcopy(network).train(), plan.schedule
    seconds = []
    for step in range(3):
        began = time.monotonic()
        batch = plan.draw(np.random.default_rng(step), Moment(step, schedule.batch, schedule.side_px))
        logits = Viewer(trial, plan.prepare)(batch.pixels, batch.glances, batch.places)
        plan.loss(logits.float(), batch).backward()  # type: ignore[no-untyped-call]
        seconds.append(time.monotonic() - began)
    return min(seconds[1:])


def steps_within(seconds: float, step: float, judging: float) -> int:
    """Steps that fit into so many `seconds` together with validation and, at the end, measuring.

    >>> steps_within(240, 0.5, 1.0)
    409
    """
    return max(LEAST_STEPS, int((seconds - MEASURING_S - REPORTS * judging) / (1.05 * step)))
