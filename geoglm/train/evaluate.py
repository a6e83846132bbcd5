"""Evaluation on labelled images, whole and untiled; and how much a tiled map differs from a whole one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from geoglm.tiling.grid import TileGrid, round_up
from geoglm.train.samples import NOT_BUILDING, LabelledImage


@torch.no_grad()
def confusion_matrix(
    network: nn.Module, images: Iterable[LabelledImage], *, classes: int, stride: int
) -> NDArray[np.int64]:
    """``(class, class)`` counts, truth by row and map by column; unlabelled pixels are left out."""
    total = np.zeros((classes, classes), np.int64)
    for image in images:
        rows, cols = image.labels.shape
        scaled = torch.from_numpy(image.pixels).float()[None] / 127.5 - 1
        padded = F.pad(scaled, (0, -cols % stride, 0, -rows % stride))
        found = network(padded)[0, :, :rows, :cols].argmax(dim=0).numpy()
        known = image.labels < NOT_BUILDING
        pairs = image.labels[known].astype(np.int64) * classes + found[known]
        total += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return total


def intersection_over_union(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """IoU per class, TP / (TP + FP + FN); NaN for a class that is neither there nor mapped."""
    hit = np.diag(confusion).astype(np.float64)
    union = confusion.sum(0) + confusion.sum(1) - hit
    iou: NDArray[np.float64] = np.divide(hit, union, out=np.full_like(hit, np.nan), where=union > 0)
    return iou


@torch.no_grad()
def tiled_agreement(
    network: nn.Module, pixels: NDArray[np.uint8], *, halos: Sequence[int], tiles: int, stride: int
) -> dict[int, float]:
    """Share of pixels on which a map made of tiles equals the map of the whole image, for each halo.

    Patches are as large as is needed for `tiles` tiles down and across, so that they overlap by two halos and
    no more.

    Args:
        pixels: ``(3, y, x)`` uint8; float32 arithmetic throughout.
        halos: px around the cores at which the tiles are cut, multiples of `stride`.
    """
    rows, cols = pixels.shape[1:]
    scaled = F.pad(torch.from_numpy(pixels).float()[None] / 127.5 - 1, (0, -cols % stride, 0, -rows % stride))
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
