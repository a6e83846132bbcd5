"""What is measured on ``sentinel2-landcover``: agreement with its teacher, at both levels, place by place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from geoglm.stats.accuracy import Counts, Ratios, count_pairs, intersection_over_union, overall_accuracy
from geoglm.stats.calibration import Reliability, calibrate
from geoglm.train.distill import OnnxTeacher
from geoglm.train.evaluate import measured_tiling
from geoglm.train.samples import LabelledImage
from geoglm.train.sentinel2.data import CLASSES, HELD_OUT, VALIDATION, pairs, scenes_of
from geoglm.train.sentinel2.skies import to_surface

FULL = 10_000.0
PRESENT = 0.01
"""Classes with a larger share of the pixels count in the mean IoU."""
SAMPLE_EVERY = 29


def reflectance(raw: NDArray[np.float32]) -> Tensor:
    """Pixels × 10000 to network input."""
    return torch.from_numpy(raw) / FULL


@torch.no_grad()
def logits_of(network: nn.Module, image: LabelledImage, *, surface: bool = False, reduce: int = 1) -> Tensor:
    """``(class, y, x)`` of an image in one pass.

    Args:
        surface: show it as surface reflectance made of top of atmosphere.
        reduce: average so many pixels a side first, as if the scene came at a coarser resolution.
    """
    shown = reflectance(image.pixels.astype(np.float32))
    shown = to_surface(shown) if surface else shown
    if reduce > 1:
        shown = F.avg_pool2d(shown[None], reduce)[0]
    rows, cols = shown.shape[1:]
    stride = int(getattr(network, "stride", 1))
    padded = F.pad(shown[None], (0, -cols % stride, 0, -rows % stride), mode="replicate")
    logits: Tensor = network(padded)[0, :, :rows, :cols]
    return logits


def confusion_of(network: nn.Module, images: Iterable[LabelledImage], *, surface: bool = False) -> Counts:
    """``(class, class)``, teacher by row and student by column."""
    total = np.zeros((len(CLASSES),) * 2, np.int64)
    for image in images:
        found = logits_of(network.eval(), image, surface=surface).argmax(dim=0).to(torch.uint8).numpy()
        total += count_pairs(image.labels, found, classes=len(CLASSES))
    return total


def shares_out(confusion: Counts) -> tuple[Ratios, NDArray[np.bool_]]:
    """IoU of each class, and which classes the teacher sees on more than 1 % of the pixels."""
    return intersection_over_union(confusion), confusion.sum(axis=1) > PRESENT * confusion.sum()


def in_words(confusion: Counts) -> dict[str, Any]:
    """A confusion matrix as plain values for the card."""
    iou, present = shares_out(confusion)
    seen = confusion.sum(axis=1) / confusion.sum()
    return {
        "pixels": int(confusion.sum()),
        "overall_accuracy": round(overall_accuracy(confusion), 4),
        "miou": round(float(iou[present].mean()), 4),
        "iou": {n: None if np.isnan(v) else round(float(v), 4) for n, v in zip(CLASSES, iou, strict=True)},
        "teacher_share": {n: round(float(v), 4) for n, v in zip(CLASSES, seen, strict=True)},
    }


def measured(network: nn.Module, data: Path, teacher: OnnxTeacher, *, stride: int) -> dict[str, Any]:
    """Agreement on the held-out places, tiling and calibration, as they stand in the card."""
    scenes = list(scenes_of(data, HELD_OUT, teacher))
    by_place: dict[str, dict[str, Any]] = {}
    total = {level: np.zeros((len(CLASSES),) * 2, np.int64) for level in ("L1C", "simulated L2A")}
    for place, image in scenes:
        row = by_place.setdefault(place.name, {"biome": place.biome})
        for level in total:
            own = confusion_of(network, [image], surface=level != "L1C")
            total[level] += own
            row[level] = row.get(level, np.zeros_like(own)) + own
    both = {level: np.zeros((len(CLASSES),) * 2, np.int64) for level in ("L1C", "L2A")}
    for place, above, below in pairs(data, HELD_OUT, teacher):
        for level, image in zip(both, (above, below), strict=True):
            own = confusion_of(network, [image])
            both[level] += own
            if level == "L2A":
                by_place[place.name]["real L2A"] = own
    for row in by_place.values():
        row |= {k: round(overall_accuracy(v), 4) for k, v in row.items() if isinstance(v, np.ndarray)}
    figures = {
        "data": "agreement with Dynamic World (argmax at top of atmosphere) on ten places never trained on, though "
        "some were looked at while the recipe was worked out; untiled, float32; mIoU over classes with more than "
        "1 % of the pixels",
        **in_words(total["L1C"]),
        "simulated_l2a": in_words(total["simulated L2A"]),
        "real_l2a": in_words(both["L2A"]) | {"l1c_of_the_same_scenes": in_words(both["L1C"])},
        "by_place": by_place,
        "confusion_matrix": total["L1C"].tolist(),
    }
    return {
        "metrics": figures,
        "tiling": tiling_of(network, max((i for _, i in scenes), key=lambda i: i.labels.size), stride=stride),
        "calibration": calibrated(
            network, [i for _, i in scenes_of(data, VALIDATION, teacher)], [i for _, i in scenes]
        ),
    }


def tiling_of(network: nn.Module, image: LabelledImage, *, stride: int) -> dict[str, Any]:
    """The card's ``geoglm:tiling``, measured on one scene."""
    rows, cols = image.labels.shape
    data = f"the largest held-out scene, {cols} x {rows} px, in tiles of about 512 px"
    return measured_tiling(network, image.pixels, stride=stride, prepare=reflectance, data=data)


def calibrated(
    network: nn.Module, watched: Sequence[LabelledImage], held_out: Sequence[LabelledImage]
) -> dict[str, Any]:
    """The card's ``geoglm:calibration``: fitted on the validation places at both levels, tried on the held-out ones."""
    logits, truth = [], []
    for image in watched:
        known = np.flatnonzero(image.labels < len(CLASSES))[::SAMPLE_EVERY]
        for surface in (False, True):
            found = logits_of(network, image, surface=surface).flatten(1)
            logits.append(found[:, torch.from_numpy(known)].T.numpy())
            truth.append(image.labels.ravel()[known])
    fitted = calibrate(np.concatenate(logits), np.concatenate(truth))
    names = " and ".join(p.name for p in VALIDATION)
    elsewhere = [calibration_error(network, held_out, temperature=t) for t in (1.0, fitted.temperature)]
    return fitted.as_dict() | {
        "ece_held_out": [round(e, 4) for e in elsewhere],
        "data": f"{names}, two dates each, as L1C and simulated L2A, against the teacher's most likely class",
    }


@torch.no_grad()
def calibration_error(network: nn.Module, images: Sequence[LabelledImage], *, temperature: float) -> float:
    """Expected calibration error of confidence in the teacher's most likely class."""
    sure = Reliability.nothing()
    for image in images:
        chance, found = (logits_of(network, image) / temperature).softmax(dim=0).max(dim=0)
        known = image.labels < len(CLASSES)
        sure += Reliability.of(chance.numpy()[known], found.numpy()[known] == image.labels[known])
    return sure.error
