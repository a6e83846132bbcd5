"""Invented scenes: real texture under colours of elsewhere, so that a student learns the teacher and not the places.

Thirty places tie every texture to the colours of its own country and month, and a student takes the one for the
other: what is dark green was always forest there. The teacher can be asked about anything, so it is asked about
scenes that were never seen: patches that borrow the means and spreads of others, run into others, are parcelled into
fields, are smoothed or sharpened, and get other seasons and skies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from geoglm.train.distill import Teacher, soft_labels
from geoglm.train.samples import LabelledImage
from geoglm.train.sentinel2.skies import DARKEST, Pixels, patches, relight, season, snowfall

SIDE_PX = 176
RIM_PX = 6
"""At the rim of a patch the teacher sees less than it would."""


@dataclass(frozen=True, slots=True)
class Source:
    """A scene at top of atmosphere to take patches from, ``(9, y, x)``, with where it has data."""

    name: str
    pixels: NDArray[np.uint16]
    valid: NDArray[np.bool_]

    @property
    def place(self) -> str:
        """The name without dates and numbers of scenes."""
        return re.split(r"[_-](?=\d)", self.name)[0]


def invented(
    sources: Sequence[Source], teacher: Teacher, *, count: int, seed: int, temperature: float
) -> Iterator[tuple[Pixels, NDArray[np.uint8]]]:
    """`count` patches ``(9, 176, 176)`` with the teacher's probabilities, a function of `seed` alone."""
    rng = np.random.default_rng(seed)
    by_place: dict[str, list[Source]] = {}
    for source in sources:
        by_place.setdefault(source.place, []).append(source)
    places = list(by_place.values())
    everywhere = np.ones((SIDE_PX, SIDE_PX), np.bool_)
    for _ in range(count):
        pixels = invent(places, rng)
        soft = soft_labels(teacher, pixels, everywhere, temperature=temperature)
        inside = np.zeros_like(everywhere)
        inside[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] = True
        yield pixels, soft * inside


def invent(places: Sequence[Sequence[Source]], rng: np.random.Generator) -> Pixels:
    """One patch that is real nowhere."""
    pixels = patch_of(places, rng)
    if rng.random() < 0.6:
        pixels = borrow_spectrum(pixels, patch_of(places, rng), rng)
    if rng.random() < 0.35:
        other, depth = patch_of(places, rng), float(rng.uniform(2, 8))
        border = patches(rng, pixels.shape[1:], int(rng.integers(25, 120))) + rng.uniform(-0.7, 0.7)
        pixels = pixels + (other - pixels) / (1 + np.exp(-depth * border)).astype(np.float32)
    if rng.random() < 0.35:
        pixels = parcelled(pixels, places, rng)
    if rng.random() < 0.3:
        pixels = retexture(pixels, rng)
    change = rng.random()
    if change < 0.25:
        pixels = season(pixels, rng)
    elif change < 0.35:
        pixels = snowfall(pixels, rng)
    elif change < 0.8:
        pixels = relight(pixels, rng)
    return np.rint(pixels).clip(DARKEST, 20_000).astype(np.float32)


def patch_of(places: Sequence[Sequence[Source]], rng: np.random.Generator) -> Pixels:
    """A patch of any place, each as likely; gaps get the mean of the rest, small scenes are mirrored."""
    scenes = places[int(rng.integers(len(places)))]
    scene = scenes[int(rng.integers(len(scenes)))]
    row, col = (int(rng.integers(max(n - SIDE_PX, 0) + 1)) for n in scene.valid.shape)
    box = np.s_[..., row : row + SIDE_PX, col : col + SIDE_PX]
    valid = scene.valid[box]
    pixels = scene.pixels[box].astype(np.float32)
    pixels[:, ~valid] = pixels[:, valid].mean(axis=1, keepdims=True) if valid.any() else 500
    lacking = [(0, 0), *((0, SIDE_PX - n) for n in valid.shape)]
    whole: Pixels = np.maximum(np.pad(pixels, lacking, mode="symmetric"), DARKEST).astype(np.float32)
    return whole


def borrow_spectrum(pixels: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Move mean and spread of each band's logarithm towards those of `other` (after Reinhard et al. 2001)."""
    mine, theirs, strength = np.log(pixels), np.log(other), rng.uniform(0.4, 1)
    mean, goal = (v.mean(axis=(1, 2), keepdims=True) for v in (mine, theirs))
    spread, wanted = (v.std(axis=(1, 2), keepdims=True) + 0.03 for v in (mine, theirs))
    contrast = (wanted / spread).clip(0.4, 2.5) if rng.random() < 0.6 else np.float32(1)
    moved: Pixels = np.exp(mine + strength * ((mine - mean) * contrast + goal - mine)).astype(np.float32)
    return moved


def parcelled(pixels: Pixels, places: Sequence[Sequence[Source]], rng: np.random.Generator) -> Pixels:
    """Fields, each of one spectrum found in any place, with the grain of what lay there; some parcels stay as they are.

    Parcels are Voronoi cells under a turned and stretched metric, round or square.
    """
    count, kinds = int(rng.integers(6, 60)), int(rng.integers(3, 9))
    turn, stretch = rng.uniform(0, np.pi), np.exp(rng.uniform(0, 1.2))
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn) * stretch, np.cos(turn) * stretch]])
    at = np.indices(pixels.shape[1:]).reshape(2, -1).T @ axes.T
    seeds = rng.uniform(0, SIDE_PX, (count, 2)) @ axes.T
    away = np.abs(at[:, None] - seeds)
    distance = away.max(axis=2) if rng.random() < 0.6 else np.hypot(away[..., 0], away[..., 1])
    parcel = distance.argmin(axis=1).reshape(pixels.shape[1:])
    spectra = np.concatenate([_spectra(patch_of(places, rng), rng, -(-kinds // 2)) for _ in range(2)])
    own = spectra[rng.integers(len(spectra), size=count)]
    own = own * np.exp(rng.normal(0, 0.1, (count, 1)) + rng.normal(0, 0.03, (count, 9)))
    grain = (pixels / _smooth(pixels, 7)).clip(0.6, 1.6) ** rng.uniform(0.2, 1, (count, 1))[parcel, 0]
    tilled = rng.random(count) < rng.uniform(0.4, 1)
    drawn = np.where(tilled[parcel], own[parcel].transpose(2, 0, 1) * grain, pixels)
    blurred: Pixels = np.maximum(0.5 * drawn + 0.5 * _smooth(drawn.astype(np.float32), 3), DARKEST).astype(np.float32)
    return blurred


def _spectra(patch: Pixels, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Mean spectra ``(count, 9)`` of small squares of `patch`."""
    rows, cols = rng.integers(0, SIDE_PX - 4, (2, count))
    return np.array([patch[:, r : r + 4, c : c + 4].mean(axis=(1, 2)) for r, c in zip(rows, cols, strict=True)])


def _smooth(pixels: Pixels, side: int) -> Pixels:
    """Mean over a square of `side`."""
    mean = F.avg_pool2d(torch.from_numpy(pixels)[None], side, 1, side // 2, count_include_pad=False)[0]
    smooth: Pixels = mean.numpy()
    return smooth


def retexture(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Smooth or sharpen."""
    smooth = _smooth(pixels, int(rng.choice([3, 5])))
    grain = np.float32(rng.choice([0.0, 0.4, 1.4, 1.8]))
    drawn: Pixels = np.maximum(smooth + grain * (pixels - smooth), DARKEST)
    return drawn


def sources_of(names: Sequence[str], images: Sequence[LabelledImage]) -> list[Source]:
    """Scenes with soft labels as sources."""
    found = []
    for name, image in zip(names, images, strict=True):
        pixels = np.asarray(image.pixels, np.uint16)
        found.append(Source(name, pixels, np.asarray(image.labels < len(pixels), np.bool_)))
    return found
