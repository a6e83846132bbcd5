"""Samples: labelled images held in memory, cropped at random places, scales and angles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

UNLABELLED = 255
NOT_BUILDING = 254
"""A pixel known not to be a building; any other class may be right there."""


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image with its class mask.

    Args:
        pixels: ``(3, y, x)`` uint8.
        labels: ``(y, x)`` uint8 class ids, `UNLABELLED` or `NOT_BUILDING`.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.pixels.shape[1:] != self.labels.shape:
            raise ValueError(f"image {self.pixels.shape} and mask {self.labels.shape} differ in size")

    def halved(self) -> LabelledImage:
        """Half the resolution: pixels averaged over 2×2, labels taken from every other pixel."""
        rows, cols = (n // 2 * 2 for n in self.labels.shape)
        blocks = self.pixels[:, :rows, :cols].reshape(3, rows // 2, 2, cols // 2, 2)
        mean = blocks.mean(axis=(2, 4), dtype=np.float32)
        return LabelledImage(np.rint(mean).astype(np.uint8), np.ascontiguousarray(self.labels[1:rows:2, 1:cols:2]))


@dataclass(slots=True)
class SampleSet:
    """Images of one kind, with the range of scales at which they may be shown.

    Args:
        images: the set; an image is drawn in proportion to the square root of its size.
        scales: smallest and largest magnification; 0.5 shows twice the ground.
        share: of a batch that comes from this set.
        centred_on: classes on which crops are centred in turn; empty for anywhere.
    """

    images: Sequence[LabelledImage]
    scales: tuple[float, float]
    share: float
    centred_on: tuple[int, ...] = ()
    _pyramids: list[list[LabelledImage]] = field(init=False)
    _odds: NDArray[np.float64] = field(init=False)
    _places: dict[int, list[NDArray[np.int64]]] = field(init=False)

    def __post_init__(self) -> None:
        self._pyramids = [[i, i.halved(), i.halved().halved()] for i in self.images]
        size = np.sqrt([i.labels.size for i in self.images])
        self._odds = size / size.sum()
        self._places = {c: [np.flatnonzero(i.labels.ravel() == c)[::7] for i in self.images] for c in self.centred_on}

    def draw(self, rng: np.random.Generator, side: int) -> tuple[Tensor, Tensor]:
        """A crop: ``(3, side, side)`` float32 in 0…1 and ``(side, side)`` int64 labels."""
        which = int(rng.choice(len(self.images), p=self._odds))
        centre: tuple[float, float] | None = None
        if self.centred_on:
            wanted = int(rng.choice(self.centred_on))
            sizes = np.sqrt([len(p) for p in self._places[wanted]])
            which = int(rng.choice(len(self.images), p=sizes / sizes.sum()))
            at = int(rng.choice(self._places[wanted][which]))
            width = self.images[which].labels.shape[1]
            jitter = rng.uniform(-side / 3, side / 3, 2)
            centre = (at // width + jitter[0], at % width + jitter[1])
        scale = math.exp(rng.uniform(*np.log(self.scales)))
        level = int(np.clip(math.floor(-math.log2(scale) + 1e-9), 0, 2))
        image = self._pyramids[which][level]
        rows, cols = image.labels.shape
        if centre is None:
            centre = (rng.uniform(0, rows), rng.uniform(0, cols))
        else:
            centre = (centre[0] / 2**level, centre[1] / 2**level)
        return crop(image, centre, rng=rng, scale=scale * 2**level, side=side)


def crop(
    image: LabelledImage,
    centre: tuple[float, float],
    *,
    rng: np.random.Generator,
    scale: float,
    side: int,
) -> tuple[Tensor, Tensor]:
    """Cut a turned, flipped, magnified square out of `image`; what lies outside is mirrored, unlabelled."""
    reach = side / 2 / scale
    rows, cols = image.labels.shape
    # keep the crop inside where the image is large enough
    row, col = (
        float(np.clip(c, reach, n - reach)) if n > 2 * reach else n / 2
        for c, n in zip(centre, (rows, cols), strict=True)
    )
    turn = rng.uniform(0, 2 * math.pi) if rng.random() < 0.5 else math.pi / 2 * rng.integers(4)
    flip = 1.0 if rng.random() < 0.5 else -1.0
    cos, sin = math.cos(turn) * reach, math.sin(turn) * reach
    # the source window that holds the turned square, so that the sampling touches no more
    span = math.ceil(reach * 1.5) + 2
    top, left = max(int(row) - span, 0), max(int(col) - span, 0)
    window = np.s_[..., top : int(row) + span, left : int(col) + span]
    part = torch.from_numpy(np.ascontiguousarray(image.pixels[window])).float()[None] / 255
    mask = torch.from_numpy(np.ascontiguousarray(image.labels[window])).float()[None, None]
    height, width = part.shape[2:]
    x0, y0 = 2 * (col - left) / width - 1, 2 * (row - top) / height - 1
    theta = torch.tensor(
        [
            [2 * cos * flip / width, -2 * sin / width, x0],
            [2 * sin * flip / height, 2 * cos / height, y0],
        ]
    )
    grid = F.affine_grid(theta[None].float(), [1, 1, side, side], align_corners=False)
    pixels = F.grid_sample(part, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    near = F.grid_sample(mask + 1, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    labels = torch.where(near < 0.5, torch.tensor(float(UNLABELLED)), near - 1)
    return pixels[0].clamp(0, 1), labels[0, 0].round().long()
