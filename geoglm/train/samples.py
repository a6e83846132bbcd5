"""Samples: labelled images held in memory, cropped at random places, scales and angles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from geoglm.train.curriculum import Scales

UNLABELLED = 255
EXCLUDED = 254
"""A pixel known not to be of one class, which the loss names; any other class may be right there."""
NOT_BUILDING = EXCLUDED
LEVELS = 3
"""Images of a pyramid: at full, half and quarter resolution."""
FULL_SCALE = {"uint8": 255.0, "uint16": 10000.0, "float32": 1.0}
"""The value that counts as 1; reflectance is kept in files as 10000 times itself."""


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image with its class mask.

    Args:
        pixels: ``(band, y, x)`` uint8, uint16 or float32, finite.
        labels: ``(y, x)`` uint8 class ids, `UNLABELLED` or `EXCLUDED`; unlabelled where there is no data.
        soft: ``(class, y, x)`` uint8, a teacher's probabilities × 255; all zero where it was not asked.
        full_scale: the pixel value that counts as 1; 0 takes the dtype's from `FULL_SCALE`.
        gsd_m: ground sample distance in m; 0 where it is not known.
    """

    pixels: NDArray[np.generic]
    labels: NDArray[np.uint8]
    soft: NDArray[np.uint8] | None = None
    full_scale: float = 0.0
    gsd_m: float = 0.0

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[1:] != self.labels.shape:
            raise ValueError(f"image {self.pixels.shape} and mask {self.labels.shape} differ in size")
        if self.soft is not None and self.soft.shape[1:] != self.labels.shape:
            raise ValueError(f"soft labels {self.soft.shape} and mask {self.labels.shape} differ in size")
        if (dtype := str(self.pixels.dtype)) not in FULL_SCALE:
            raise ValueError(f"pixels are {dtype}; convert them to one of {', '.join(FULL_SCALE)}")
        if dtype == "float32" and not np.isfinite(self.pixels).all():
            raise ValueError("pixels are not all finite; fill gaps with a number and leave them unlabelled")

    @property
    def bands(self) -> int:
        """How many bands."""
        return len(self.pixels)

    @property
    def unit(self) -> float:
        """The pixel value that counts as 1."""
        return self.full_scale or FULL_SCALE[str(self.pixels.dtype)]

    def halved(self) -> LabelledImage:
        """Half the resolution: pixels and soft labels averaged over 2×2, labels taken from every other pixel."""
        rows, cols = (n // 2 * 2 for n in self.labels.shape)
        return replace(
            self,
            pixels=_mean_of_blocks(self.pixels),
            labels=np.ascontiguousarray(self.labels[1:rows:2, 1:cols:2]),
            soft=None if self.soft is None else _mean_of_blocks(self.soft),
            full_scale=self.unit,
            gsd_m=2 * self.gsd_m,
        )

    def glance(self, side: int) -> Tensor:
        """The whole image averaged into ``(band, side, side)`` float32, in units of full scale."""
        whole = torch.from_numpy(self.pixels.astype(np.float32))[None] / self.unit
        return F.adaptive_avg_pool2d(whole, side)[0]


def _mean_of_blocks(pixels: NDArray[Any]) -> NDArray[Any]:
    bands, rows, cols = (n // 2 * 2 if axis else n for axis, n in enumerate(pixels.shape))
    blocks = pixels[:, :rows, :cols].reshape(bands, rows // 2, 2, cols // 2, 2)
    mean = blocks.mean(axis=(2, 4), dtype=np.float32)
    rounded = np.rint(mean) if pixels.dtype.kind == "u" else mean
    result: NDArray[Any] = rounded.astype(pixels.dtype)
    return result


@dataclass(frozen=True, slots=True)
class Crop:
    """A square that a network is shown.

    Args:
        pixels: ``(band, side, side)`` float32 in units of full scale.
        labels: ``(side, side)`` int64, as in `LabelledImage`.
        scale: magnification over the resolution at which samples of its set usually stand.
        soft: ``(class, side, side)`` float32 probabilities, all zero where there are none.
        glance: ``(band, g, g)`` float32, the whole image that the crop was cut from, turned as the crop is.
        place: ``(5,)`` float32, where the crop lies in that image: row and column of its first pixel and the
            height and width of one pixel, as shares of the image's; log2 of its ground sample distance in m,
            0 if unknown.
    """

    pixels: Tensor
    labels: Tensor
    scale: float = 1.0
    soft: Tensor | None = None
    glance: Tensor | None = None
    place: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops of one size, stacked: the fields of `Crop` with a leading axis.

    Args:
        scales: ``(n,)`` magnifications.
        weights: ``(n,)`` by which each sample's loss is multiplied.
    """

    pixels: Tensor
    labels: Tensor
    scales: Tensor
    weights: Tensor
    soft: Tensor | None = None
    glances: Tensor | None = None
    places: Tensor | None = None

    @classmethod
    def of(cls, crops: Sequence[Crop]) -> Batch:
        """Stack `crops`; soft labels and glances where every one of them has some."""

        def stacked(parts: Sequence[Tensor | None]) -> Tensor | None:
            there = [p for p in parts if p is not None]
            return torch.stack(there) if len(there) == len(parts) else None

        return cls(
            pixels=torch.stack([c.pixels for c in crops]),
            labels=torch.stack([c.labels for c in crops]),
            scales=torch.tensor([c.scale for c in crops]),
            weights=torch.ones(len(crops)),
            soft=stacked([c.soft for c in crops]),
            glances=stacked([c.glance for c in crops]),
            places=stacked([c.place for c in crops]),
        )

    @classmethod
    def joined(cls, parts: Sequence[Batch]) -> Batch:
        """Several batches as one."""

        def joint(name: str) -> Any:
            found = [getattr(p, name) for p in parts]
            return None if any(f is None for f in found) else torch.cat(found)

        return parts[0] if len(parts) == 1 else cls(**{f.name: joint(f.name) for f in fields(cls)})

    def weighted(self, weights: Tensor) -> Batch:
        """This batch with other weights ``(n,)``."""
        return replace(self, weights=weights)

    def to(self, device: torch.device) -> Batch:
        """This batch on `device`."""
        moved: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        moved.update({k: v.to(device) for k, v in moved.items() if v is not None})
        return Batch(**moved)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a draw of a batch needs to know of the training.

    Args:
        step: counted from 0.
        samples: to draw.
        side_px: of each crop.
        scales: magnifications that the curriculum asks for; None leaves them to the sample sets.
    """

    step: int
    samples: int
    side_px: int
    scales: Scales | None = None


@dataclass(slots=True)
class SampleSet:
    """Images of one kind, with the range of scales at which they may be shown.

    Args:
        images: the set; an image is drawn in proportion to the square root of its size.
        scales: smallest and largest magnification; 0.5 shows twice the ground.
        share: of a batch that comes from this set.
        centred_on: classes on which crops are centred in turn, so that rare ones are seen as often as common
            ones; empty for anywhere.
        usual: magnification at which these images stand at the model's working resolution; a curriculum's
            magnifications are multiples of it.
        glance_px: side of the glance that crops bring along, for networks that look at the whole scene, a
            multiple of their stride; 0 for none. Such crops are turned by quarters only, so that their place in
            the scene can be told.
    """

    images: Sequence[LabelledImage]
    scales: tuple[float, float]
    share: float
    centred_on: tuple[int, ...] = ()
    usual: float = 1.0
    glance_px: int = 0
    _pyramids: list[list[LabelledImage]] = field(init=False)
    _odds: NDArray[np.float64] = field(init=False)
    _places: dict[int, list[NDArray[np.int64]]] = field(init=False)
    _glances: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError("a sample set needs at least one image")
        if len({i.bands for i in self.images}) > 1:
            raise ValueError("the images of a sample set differ in their number of bands")
        self._pyramids = [_pyramid(i) for i in self.images]
        size = np.sqrt([i.labels.size for i in self.images])
        self._odds = size / size.sum()
        found = {c: [np.flatnonzero(i.labels.ravel() == c)[::7] for i in self.images] for c in self.centred_on}
        self._places = {c: places for c, places in found.items() if any(len(p) for p in places)}
        self._glances = [i.glance(self.glance_px) for i in self.images] if self.glance_px else []

    def draw(self, rng: np.random.Generator, side: int, scales: Scales | None = None) -> Crop:
        """One crop, a function of `rng` alone.

        Args:
            side: of the crop, px.
            scales: a curriculum's magnifications, as multiples of `usual`, instead of the set's own.
        """
        own = Scales.within(*self.scales)
        scale = own.draw(rng) if scales is None else scales.draw(rng) * self.usual
        which, centre = self._target(rng, jitter=side / 3 / scale)
        level = int(np.clip(math.floor(-math.log2(scale) + 1e-9), 0, len(self._pyramids[which]) - 1))
        image = self._pyramids[which][level]
        glance = self._glances[which] if self.glance_px else None
        middle = (centre[0] / 2**level, centre[1] / 2**level)
        cut = crop(image, middle, rng=rng, scale=scale * 2**level, side=side, glance=glance)
        return replace(cut, scale=scale / self.usual)

    def _target(self, rng: np.random.Generator, *, jitter: float) -> tuple[int, tuple[float, float]]:
        """Which image, and around which row and column, in px of its full resolution."""
        if not self._places:
            which = int(rng.choice(len(self.images), p=self._odds))
            rows, cols = self.images[which].labels.shape
            return which, (rng.uniform(0, rows), rng.uniform(0, cols))
        places = self._places[int(rng.choice(list(self._places)))]
        sizes = np.sqrt([len(p) for p in places])
        which = int(rng.choice(len(self.images), p=sizes / sizes.sum()))
        row, col = divmod(int(rng.choice(places[which])), self.images[which].labels.shape[1])
        off = rng.uniform(-jitter, jitter, 2)
        return which, (row + off[0], col + off[1])


def _pyramid(image: LabelledImage) -> list[LabelledImage]:
    levels = [image]
    while len(levels) < LEVELS and min(levels[-1].labels.shape) >= 4:
        levels.append(levels[-1].halved())
    return levels


def draw_crops(sets: Sequence[SampleSet], rng: np.random.Generator, now: Moment) -> list[Crop]:
    """The crops of one batch, from `sets` in proportion to their shares."""
    shares = np.array([s.share for s in sets])
    owners = rng.choice(len(sets), size=now.samples, p=shares / shares.sum())
    return [sets[k].draw(rng, now.side_px, now.scales) for k in owners]


def crop(
    image: LabelledImage,
    centre: tuple[float, float],
    *,
    rng: np.random.Generator,
    scale: float,
    side: int,
    glance: Tensor | None = None,
) -> Crop:
    """Cut a turned, flipped, magnified square out of `image`; what lies outside is mirrored, unlabelled.

    Args:
        centre: row and column in px of `image`.
        scale: magnification over `image`.
        glance: of the whole image; with it the crop is turned by quarters only and tells its place.
    """
    reach = side / 2 / scale
    size = image.labels.shape
    # keep the crop inside where the image is large enough
    row, col = (
        float(np.clip(c, reach, n - reach)) if n > 2 * reach else n / 2 for c, n in zip(centre, size, strict=True)
    )
    free = glance is None and rng.random() < 0.5
    turn = rng.uniform(0, 2 * math.pi) if free else math.pi / 2 * rng.integers(4)
    flip = 1.0 if rng.random() < 0.5 else -1.0
    cos, sin = math.cos(turn), math.sin(turn)
    motion = np.array([[cos * flip, -sin], [sin * flip, cos]])  # (x, y) of the crop to (x, y) of the image
    # the source window that holds the turned square, so that the sampling touches no more
    span = math.ceil(reach * 1.5) + 2
    top, left = max(int(row) - span, 0), max(int(col) - span, 0)
    window = np.s_[..., top : int(row) + span, left : int(col) + span]
    height, width = image.labels[window].shape
    shift = np.array([2 * (col - left) / width - 1, 2 * (row - top) / height - 1])
    half = np.array([[width / 2], [height / 2]])
    grid = _grid(np.column_stack([motion * reach / half, shift]), side)
    pixels = _sample(image.pixels[window], grid, "bilinear", "reflection") / image.unit
    labels = _sample(image.labels[window][None], grid, "nearest", "reflection")[0].round().long()
    inside = (grid[0].abs() <= 1).all(dim=-1)
    soft = None
    if image.soft is not None:
        soft = _sample(image.soft[window], grid, "bilinear", "reflection") / 255 * inside
    found = Crop(pixels, torch.where(inside, labels, UNLABELLED), scale, soft)
    if glance is None:
        return found
    turned = _sample(glance.numpy(), _grid(np.column_stack([motion, [0, 0]]), len(glance[0])), "nearest", "zeros")
    return replace(found, glance=turned, place=_place(image, (row, col), motion, scale=scale, side=side))


def _grid(theta: NDArray[np.float64], side: int) -> Tensor:
    """``(1, side, side, 2)`` sampling positions of the affine map `theta` ``(2, 3)``."""
    return F.affine_grid(torch.from_numpy(theta)[None].float(), [1, 1, side, side], align_corners=False)


def _sample(pixels: NDArray[np.generic], grid: Tensor, mode: str, outside: str) -> Tensor:
    source = torch.from_numpy(np.ascontiguousarray(pixels).astype(np.float32))[None]
    return F.grid_sample(source, grid, mode=mode, padding_mode=outside, align_corners=False)[0]


def _place(
    image: LabelledImage, centre: tuple[float, float], motion: NDArray[np.float64], *, scale: float, side: int
) -> Tensor:
    """See `Crop.place`; `motion` turns by quarters, and the scene is seen turned with the crop."""
    rows, cols = image.labels.shape
    x, y = motion.T @ np.array([2 * centre[1] / cols - 1, 2 * centre[0] / rows - 1])
    width, height = np.abs(motion.T) @ np.array([cols, rows]) * scale  # of the scene, in pixels of the crop
    first_row, first_col = (y + 1) / 2 - side / 2 / height, (x + 1) / 2 - side / 2 / width
    ground = math.log2(image.gsd_m / scale) if image.gsd_m else 0.0
    return torch.tensor([first_row, first_col, 1 / height, 1 / width, ground], dtype=torch.float32)
