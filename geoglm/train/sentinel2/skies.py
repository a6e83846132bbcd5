"""Other skies and seasons over Sentinel-2 scenes: from top of atmosphere to surface, haze, drought, green, snow.

Bands are always B2 B3 B4 B5 B6 B7 B8 B11 B12, pixels ``(9, y, x)``; values are reflectance × 10000 where not said
otherwise. What changes the ground, `season` and `snowfall`, is shown to the teacher again; what changes the sky
alone, `to_surface` and `wobble`, keeps its label.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Pixels = NDArray[np.float32]

SLOPE = np.array([0.63, 0.69, 0.78, 0.74, 0.80, 0.85, 0.80, 0.90, 0.83], np.float32)
AIRLIGHT = np.array([795, 512, 368, 290, 288, 321, 267, 51, 20], np.float32)
"""Top of atmosphere ≈ slope · surface + airlight, fitted on five scenes of which both were there."""
HAZE = np.array([1, 0.7, 0.5, 0.4, 0.33, 0.28, 0.22, 0.05, 0.02], np.float32)
"""How haze falls off with wavelength."""
CLEAR_AIR = np.array([700, 450, 280, 230, 220, 210, 170, 20, 10], np.float32)
"""What of top of atmosphere does not change with the ground's brightness."""
SNOW = np.array([7800, 7600, 7600, 7700, 7400, 7200, 7100, 1200, 900], np.float32)
DRY = np.array([1150, 1150, 1450, 1650, 1900, 2050, 2150, 3000, 2200], np.float32)
GREEN = np.array([950, 900, 600, 1000, 2800, 3600, 3800, 1900, 950], np.float32)
"""Fresh snow, dry and lush vegetation at top of atmosphere."""
DARKEST = 30.0


def each(values: NDArray[np.floating]) -> Pixels:
    """``(9,)`` to ``(9, 1, 1)`` float32."""
    column: Pixels = np.asarray(values, np.float32)[:, None, None]
    return column


def to_top(surface: Pixels, rng: np.random.Generator) -> Pixels:
    """Surface reflectance as it would look from above the atmosphere, with more or less haze."""
    return each(SLOPE) * surface + each(AIRLIGHT) + each(rng.uniform(-60, 120) * HAZE)


def to_surface(top: Tensor, rng: np.random.Generator | None = None) -> Tensor:
    """Reflectance 0…1 at top of atmosphere as a processor would correct it, with its errors if there is an `rng`."""
    slope, light = SLOPE.astype(np.float64), AIRLIGHT / 1e4
    if rng is not None:
        slope = slope * np.exp(rng.normal(0, 0.03) + rng.normal(0, 0.025, 9))
        light = light * np.exp(rng.normal(0, 0.12, 9)) + rng.uniform(-0.01, 0.02) * HAZE
    a, b = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (slope, light))
    return ((top - b) / a).clamp(min=1e-4)


def wobble(shown: Tensor, rng: np.random.Generator) -> Tensor:
    """Errors of calibration and noise of a sensor, on reflectance 0…1."""
    if rng.random() < 0.7:
        gain = np.exp(rng.normal(0, 0.03) + rng.normal(0, 0.015, 9))
        shown = shown * torch.tensor(gain, dtype=torch.float32)[:, None, None]
    if rng.random() < 0.3:
        noise = torch.from_numpy(rng.standard_normal(shown.shape, dtype=np.float32))
        shown = (shown + float(rng.uniform(0.001, 0.006)) * noise).clamp(min=1e-4)
    return shown


def relight(top: Pixels, rng: np.random.Generator) -> Pixels:
    """The same ground under another sun and other air."""
    gain = np.exp(rng.uniform(-0.35, 0.3) + rng.uniform(-0.1, 0.1, 9))
    lit = (top - each(CLEAR_AIR)) * each(gain) + each(CLEAR_AIR + rng.uniform(-150, 350) * HAZE)
    bounded: Pixels = np.maximum(lit, DARKEST)
    return bounded


def season(top: Pixels, rng: np.random.Generator) -> Pixels:
    """Vegetation drier or greener, here more and there less."""
    other = (DRY if rng.random() < 0.6 else GREEN) * np.exp(rng.uniform(-0.2, 0.2, 9)) * rng.uniform(0.7, 1.2)
    share = ((_greenness(top) - 0.1) / 0.5).clip(0, 1)
    share = share * (0.5 + 0.5 * patches(rng, share.shape, 90)).clip(0, 0.85)
    return relight(top + share * (each(other) - top), rng)


def snowfall(top: Pixels, rng: np.random.Generator) -> Pixels:
    """Snow in drifts, less of it where it is green."""
    shape = top.shape[1:]
    depth = patches(rng, shape, 120) + 0.35 * patches(rng, shape, 12) + rng.uniform(-0.5, 0.5)
    cover = 1 / (1 + np.exp(-3 * depth)) * np.where(_greenness(top) > 0.5, rng.uniform(0.2, 0.9), 1)
    around = F.avg_pool2d(torch.from_numpy(top[2])[None, None], 15, 1, 7, count_include_pad=False)[0, 0].numpy()
    relief = (top[2] / (around + 1)).clip(0.6, 1.3)
    snow = each(SNOW * np.exp(rng.uniform(-0.08, 0.08, 9)) * rng.uniform(0.45, 1.15)) * relief
    return relight(top + cover.astype(np.float32) * (snow - top), rng)


def _greenness(pixels: Pixels) -> Pixels:
    """Normalised difference of near infrared and red, ``(y, x)``."""
    ndvi: Pixels = (pixels[6] - pixels[2]) / (pixels[6] + pixels[2] + 1)
    return ndvi


def patches(rng: np.random.Generator, shape: tuple[int, ...], size_px: int) -> Pixels:
    """Smooth random numbers of mean about 0 and deviation 1, ``(y, x)``."""
    coarse = torch.from_numpy(rng.standard_normal((1, 1, *(max(2, n // size_px + 2) for n in shape))))
    fine: Pixels = F.interpolate(coarse.float(), size=shape, mode="bicubic", align_corners=True)[0, 0].numpy()
    even: Pixels = fine / fine.std()
    return even
