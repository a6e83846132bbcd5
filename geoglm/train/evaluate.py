"""Evaluation on labelled images, whole and untiled; and how much a tiled map differs from a whole one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from geoglm.nn.tileable import receptive_field
from geoglm.pixels.glance import glance_of, glance_shape
from geoglm.stats.accuracy import count_pairs, intersection_over_union
from geoglm.stats.boundary import tolerance_at
from geoglm.stats.calibration import calibrate
from geoglm.stats.evaluation import Agreement, Evaluation
from geoglm.tiling.grid import TileGrid, round_up
from geoglm.tiling.place import Frame
from geoglm.train.samples import LabelledImage
from geoglm.types import PixelBox

__all__ = ["confusion_matrix", "evaluate_network", "intersection_over_union", "measured_tiling", "tiled_agreement"]

HALO_GOALS = (0.995, 0.999)
"""Agreements of a tiled with the whole map for which a card tells the halo."""
DEFAULT_GOAL = 0.999
"""That for which the card's default halo is chosen."""
PATCH_PX = 512
"""Side of the tiles with which they are measured; larger tiles agree better."""

SCALES = (0.5, 1.0, 2.0)
"""Pixels a side for each of an image's own: half as many, each twice as coarse on the ground, to twice as many."""

SAMPLE_EVERY = 7
"""Of the labelled pixels, row by row, so many-th are kept for the temperature."""


@torch.no_grad()
def evaluate_network(
    network: nn.Module,
    images: Iterable[LabelledImage],
    *,
    classes: Sequence[str],
    stride: int,
    prepare: Callable[[NDArray[np.float32]], Tensor],
    scales: Sequence[float] = SCALES,
    gsd: float | None = None,
) -> Evaluation:
    """How well a network maps labelled images, each seen whole, at several magnifications.

    Below 1 an image's pixels are averaged, above 1 they are interpolated bilinearly; its labels are taken from the
    nearest pixel. Labels from ``len(classes)`` up, such as 254 and 255, are left out. The temperature is fitted on
    every `SAMPLE_EVERY`-th labelled pixel at the scale nearest to 1 (see `calibrate`).

    Args:
        network: takes ``(n, band, y, x)`` and gives logits; one that looks at the scene is shown each image as one.
        stride: images are padded to its multiples with zeros, which are left out again.
        prepare: ``(band, y, x)`` raw pixels as float32 to network input of the same shape.
        scales: magnifications.
        gsd: ground sample distance of the images in m, for a network with context; None if unknown.

    Returns:
        Agreement by scale, with confidence at temperature 1, and the calibration.
    """
    was_training, device = network.training, next(network.parameters()).device
    network.eval()
    count, own = len(classes), min(scales, key=lambda s: abs(np.log(s)))
    by_scale = {s: Agreement.nothing(count) for s in scales}
    kept_logits, kept_truth = [np.zeros((0, count), np.float32)], [np.zeros(0, np.uint8)]
    for image in images:
        for scale in scales:
            raw, truth = _seen_at(image, scale)
            ground = None if gsd is None else gsd / scale
            logits = _whole(network, prepare(raw).to(device), stride=stride, gsd=ground).float()
            chance, found = logits.softmax(dim=0).max(dim=0)
            percent = (chance * 100).round().to(torch.uint8).cpu().numpy()
            by_scale[scale] += Agreement.of(
                truth,
                found.to(torch.uint8).cpu().numpy(),
                percent,
                classes=count,
                tolerance_px=tolerance_at(scale),
            )
            if scale == own:
                known = np.flatnonzero(truth < count)[::SAMPLE_EVERY]
                kept_logits.append(logits.flatten(1)[:, torch.from_numpy(known)].T.cpu().numpy())
                kept_truth.append(truth.ravel()[known])
    network.train(was_training)
    calibration = calibrate(np.concatenate(kept_logits), np.concatenate(kept_truth))
    return Evaluation(tuple(classes), by_scale, calibration)


def _seen_at(image: LabelledImage, scale: float) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Pixels ``(band, y, x)`` and labels ``(y, x)`` of an image at a magnification."""
    raw = image.pixels.astype(np.float32)
    if scale == 1:
        return raw, image.labels
    shape = tuple(max(1, round(n * scale)) for n in image.labels.shape)
    near = [
        ((np.arange(n) + 0.5) * have / n).astype(np.intp) for n, have in zip(shape, image.labels.shape, strict=True)
    ]
    if scale < 1:
        shown = F.interpolate(torch.from_numpy(raw)[None], size=shape, mode="area")[0]
    else:
        shown = F.interpolate(torch.from_numpy(raw)[None], size=shape, mode="bilinear", align_corners=False)[0]
    return shown.numpy(), np.ascontiguousarray(image.labels[np.ix_(*near)])


def _whole(network: nn.Module, image: Tensor, *, stride: int, gsd: float | None) -> Tensor:
    """Logits ``(class, y, x)`` of one prepared image ``(band, y, x)``, in one pass."""
    rows, cols = image.shape[1:]
    padded = F.pad(image[None], (0, -cols % stride, 0, -rows % stride))
    if not getattr(network, "summary_size", 0):
        logits: Tensor = network(padded)
        return logits[0, :, :rows, :cols]
    valid = np.ones((rows, cols), np.bool_)
    small = glance_of(
        image.cpu().numpy(), valid, shape=glance_shape((rows, cols)), fill=(0.0,) * len(image), stride=stride
    )
    summary = network.summarise(torch.from_numpy(small)[None].to(image.device))  # type: ignore[operator]
    scene = PixelBox(0, 0, rows, cols)
    place = torch.from_numpy(Frame(scene, gsd).place(scene))[None].to(image.device)
    logits = network(padded, summary, place)
    return logits[0, :, :rows, :cols]


@torch.no_grad()
def confusion_matrix(
    network: nn.Module, images: Iterable[LabelledImage], *, classes: int, stride: int
) -> NDArray[np.int64]:
    """``(class, class)`` counts over uint8 images, truth by row and map by column; unlabelled pixels are left out."""
    total = np.zeros((classes, classes), np.int64)
    for image in images:
        scaled = torch.from_numpy(image.pixels.astype(np.float32)) / 127.5 - 1
        found = _whole(network, scaled, stride=stride, gsd=None).argmax(dim=0).to(torch.uint8).numpy()
        total += count_pairs(image.labels, found, classes=classes)
    return total


@torch.no_grad()
def tiled_agreement(
    network: nn.Module,
    pixels: NDArray[np.generic],
    *,
    halos: Sequence[int],
    tiles: int,
    stride: int,
    prepare: Callable[[NDArray[np.float32]], Tensor] | None = None,
) -> dict[int, float]:
    """Share of pixels on which a map made of tiles equals the map of the whole image, for each halo.

    Patches are as large as is needed for `tiles` tiles down and across, so that they overlap by two halos and
    no more.

    Args:
        pixels: ``(band, y, x)``; float32 arithmetic throughout.
        halos: px around the cores at which the tiles are cut, multiples of `stride`.
        prepare: `pixels` as float32 to network input of the same shape; None for uint8 to −1…1.
    """
    rows, cols = pixels.shape[1:]
    raw = pixels.astype(np.float32)
    shown = torch.from_numpy(raw / np.float32(127.5) - 1) if prepare is None else prepare(raw)
    scaled = F.pad(shown[None], (0, -cols % stride, 0, -rows % stride))
    whole = network(scaled)[0].argmax(dim=0)
    agreement = {}
    for halo in halos:
        same = 0
        patch = tuple(round_up(-(-(n - 2 * halo) // tiles), stride) + 2 * halo for n in (rows, cols))
        for tile in TileGrid.over((rows, cols), patch=(patch[0], patch[1]), halo=halo, stride=stride):
            read, core = tile.read, tile.core
            found = network(scaled[..., read.top : read.bottom, read.left : read.right])[0].argmax(dim=0)
            truth = whole[core.top : core.bottom, core.left : core.right]
            same += int((found[core.within(read)] == truth).sum())
        agreement[halo] = same / (rows * cols)
    return agreement


def measured_tiling(
    network: nn.Module,
    pixels: NDArray[np.generic],
    *,
    stride: int,
    prepare: Callable[[NDArray[np.float32]], Tensor],
    data: str,
) -> dict[str, Any]:
    """A card's ``geoglm:tiling``: halos for the agreement of tiles of about 512 px with one pass over the whole.

    Args:
        pixels: ``(band, y, x)`` of one scene.
        prepare: `pixels` as float32 to network input of the same shape.
        data: what the scene is, for the record.
    """
    exact = receptive_field(network, bands=len(pixels), stride=stride)
    agreement: dict[int, float] = {}
    for halo in range(0, exact + 1, stride):
        tiles = -(-max(pixels.shape[1:]) // (round_up(PATCH_PX, stride) - 2 * halo))
        agreement |= tiled_agreement(network, pixels, halos=(halo,), tiles=tiles, stride=stride, prepare=prepare)
        if agreement[halo] >= max(HALO_GOALS):
            break
    needed = {f"{goal}": next((h for h, a in agreement.items() if a >= goal), exact) for goal in HALO_GOALS}
    return {
        "stride": stride,
        "tileable": True,
        "halo": needed[str(DEFAULT_GOAL)],
        "exact_halo": exact,
        "needed": needed,
        "agreement": {str(k): round(v, 5) for k, v in agreement.items()},
        "agreement_data": data,
    }
