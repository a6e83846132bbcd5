"""Exact crops: whole pixels, turned by quarters and flipped, never interpolated.

A teacher's answer hangs on fine texture, which crops that are turned freely and resampled would smooth away. How much
that matters was not measured by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglm.train.samples import UNLABELLED, Crop, LabelledImage


@dataclass(slots=True)
class ExactSet:
    """Images of one kind with soft labels, and how they are drawn from.

    Args:
        images: the set.
        share: of a batch that comes from this set.
        centred_on: classes on which crops are centred in turn; an image is drawn in proportion to the square root
            of the pixels of the class, or of all its pixels where this is empty.
        halved: share of the crops that are shown at half the resolution, pixels and soft labels averaged.
    """

    images: Sequence[LabelledImage]
    share: float
    centred_on: tuple[int, ...] = ()
    halved: float = 0.15
    _halves: list[LabelledImage] = field(init=False)
    _places: list[list[NDArray[np.int64]]] = field(init=False)

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError("a sample set needs at least one image")
        self._halves = [i.halved() for i in self.images]
        found = [[np.flatnonzero(i.labels.ravel() == c)[::7] for i in self.images] for c in self.centred_on]
        self._places = [places for places in found if any(len(p) for p in places)]

    def draw(self, rng: np.random.Generator, side: int) -> Crop:
        """One crop, a function of `rng` alone; beyond the image it is mirrored, unlabelled."""
        half = bool(rng.random() < self.halved)
        which, row, col = self._centre(rng)
        image = self._halves[which] if half else self.images[which]
        off = rng.integers(-side // 3, side // 3 + 1, 2)
        first = [
            int(np.clip((middle >> half) + o - side // 2, 0, max(n - side, 0)))
            for middle, o, n in zip((row, col), off, image.labels.shape, strict=True)
        ]
        return turned(_cut(image, first, side), quarters=int(rng.integers(4)), flip=bool(rng.integers(2)))

    def _centre(self, rng: np.random.Generator) -> tuple[int, int, int]:
        """Which image, and the row and column around which to cut it."""
        if not self._places:
            sizes = np.sqrt([i.labels.size for i in self.images])
            which = int(rng.choice(len(self.images), p=sizes / sizes.sum()))
            rows, cols = self.images[which].labels.shape
            return which, int(rng.integers(rows)), int(rng.integers(cols))
        places = self._places[int(rng.integers(len(self._places)))]
        sizes = np.sqrt([len(p) for p in places])
        which = int(rng.choice(len(self.images), p=sizes / sizes.sum()))
        row, col = divmod(int(rng.choice(places[which])), self.images[which].labels.shape[1])
        return which, row, col


def draw_kinds(sets: Mapping[str, ExactSet], rng: np.random.Generator, count: int, side: int) -> list[tuple[str, Crop]]:
    """`count` crops from `sets` in proportion to their shares, each with the name of its set."""
    names = list(sets)
    shares = np.array([sets[n].share for n in names])
    owners = rng.choice(len(names), size=count, p=shares / shares.sum())
    return [(names[k], sets[names[k]].draw(rng, side)) for k in owners]


def _cut(image: LabelledImage, first: Sequence[int], side: int) -> Crop:
    box = np.s_[..., first[0] : first[0] + side, first[1] : first[1] + side]
    labels = image.labels[box]
    lacking = [(0, side - n) for n in labels.shape]
    beyond = [(0, 0), *lacking]
    if image.soft is None:
        raise ValueError("exact crops are for images with soft labels")
    return Crop(
        torch.from_numpy(np.pad(image.pixels[box].astype(np.float32), beyond, mode="symmetric") / image.unit),
        torch.from_numpy(np.pad(labels.astype(np.int64), lacking, constant_values=UNLABELLED)),
        soft=torch.from_numpy(np.pad(image.soft[box].astype(np.float32), beyond) / 255),
    )


def turned(crop: Crop, *, quarters: int, flip: bool) -> Crop:
    """`crop` turned by so many quarters, and mirrored if `flip`."""

    def turn(values: Tensor) -> Tensor:
        values = torch.rot90(values, quarters, (-2, -1))
        return (values.flip(-1) if flip else values).contiguous()

    return Crop(turn(crop.pixels), turn(crop.labels), crop.scale, None if crop.soft is None else turn(crop.soft))
