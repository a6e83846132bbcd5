"""Augmentation: the same ground under other skies, sensors and seasons."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

GREY = torch.tensor([0.299, 0.587, 0.114])


def recolour(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Exposure, white balance, contrast, saturation, a turn of hue and gamma, all mild together.

    Args:
        pixels: ``(3, y, x)`` float32 in 0…1.
    """
    gain = torch.tensor(rng.uniform(0.75, 1.3) * rng.uniform(0.88, 1.13, 3), dtype=torch.float32)
    out = pixels * gain[:, None, None]
    middle = out.mean()
    out = (out - middle) * float(rng.uniform(0.6, 1.4)) + middle + float(rng.uniform(-0.1, 0.1))
    grey = (GREY[:, None, None] * out).sum(0)
    out = grey + (out - grey) * float(rng.uniform(0.3, 1.6))
    mix = torch.eye(3) + torch.tensor(rng.uniform(-0.05, 0.05, (3, 3)), dtype=torch.float32)
    out = torch.einsum("ij,jyx->iyx", mix / mix.sum(1, keepdim=True), out)
    return out.clamp(1e-4, 1) ** float(np.exp(rng.uniform(-0.6, 0.6)))


def haze(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """A veil of bluish to white light, as in the scattering model I = J·t + A·(1 − t)."""
    through = float(rng.uniform(0.5, 0.95))
    light = torch.tensor(rng.uniform(0.45, 0.95) * np.array([0.92, 0.97, 1.0]), dtype=torch.float32)
    return pixels * through + light[:, None, None] * (1 - through)


def blur(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Lose detail by going down in resolution and up again, as a soft or resampled sensor does."""
    side = pixels.shape[-1]
    small = max(int(side * rng.uniform(0.4, 0.9)), 8)
    down = F.interpolate(pixels[None], size=small, mode="area")
    return F.interpolate(down, size=side, mode="bilinear", align_corners=False)[0]


def sensor_noise(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Additive Gaussian noise, σ up to 4 % of full scale."""
    sigma = float(rng.uniform(0.005, 0.04))
    noise = rng.standard_normal(pixels.shape, dtype=np.float32)
    return (pixels + sigma * torch.from_numpy(noise)).clamp(0, 1)


def jpeg(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Compression blocks, as in most orthophotos that people are given."""
    array = (pixels * 255).round().byte().permute(1, 2, 0).numpy()
    with io.BytesIO() as stream:
        Image.fromarray(array).save(stream, "JPEG", quality=int(rng.integers(30, 90)))
        decoded = np.array(Image.open(stream))
    return torch.from_numpy(decoded).permute(2, 0, 1).float() / 255


def glint(pixels: Tensor, labels: Tensor, rng: np.random.Generator, *, water: int) -> Tensor:
    """Sun on waves: bright specks gathered in patches of water."""
    on_water = labels == water
    if not on_water.any():
        return pixels
    side = labels.shape[-1]
    patches = torch.from_numpy(rng.random((1, 1, 5, 5), dtype=np.float32))
    where = F.interpolate(patches, size=side, mode="bicubic", align_corners=False)[0, 0]
    specks = torch.from_numpy(rng.random((side, side), dtype=np.float32)) < 0.15 * (where - 0.5)
    return torch.where(on_water & specks, float(rng.uniform(0.6, 1.0)), pixels)


def repaint(pixels: Tensor, labels: Tensor, rng: np.random.Generator, classes: int) -> Tensor:
    """Brighten, darken and tint each class by itself, so that no class is known by its brightness alone.

    In most of the labels dark means water. Elsewhere trees, asphalt and roofs are as dark, and rivers are
    brown, green or milky; what tells them apart is texture and shape.
    """
    for k in range(classes):
        inside = labels == k
        if rng.random() < 0.5 or not inside.any():
            continue
        edge = F.avg_pool2d(inside.float()[None, None], 3, stride=1, padding=1, count_include_pad=False)[0, 0]
        gain = float(np.exp(rng.uniform(-0.7, 0.5)))
        tint = torch.tensor(rng.uniform(0, 0.35) * rng.uniform(0.2, 1.0, 3), dtype=torch.float32)
        painted = pixels * gain + tint[:, None, None] * float(rng.random() < 0.5)
        pixels = pixels + edge * (painted - pixels)
    return pixels.clamp(0, 1)


def relight(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Light that differs over the crop, as under thin cloud, relief and mosaicked flight lines."""
    side = pixels.shape[-1]
    coarse = torch.from_numpy(rng.uniform(-0.7, 0.4, (1, 1, 4, 4)).astype(np.float32))
    light = F.interpolate(coarse, size=side, mode="bicubic", align_corners=False)[0, 0].exp()
    return (pixels * light).clamp(0, 1)


def borrow_colours(pixels: Tensor, other: Tensor, strength: float) -> Tensor:
    """Move the mean and spread of each band towards those of `other` (Reinhard et al. 2001)."""
    mean, std = pixels.mean((1, 2), keepdim=True), pixels.std((1, 2), keepdim=True)
    to_mean, to_std = other.mean((1, 2), keepdim=True), other.std((1, 2), keepdim=True)
    moved = (pixels - mean) / (std + 0.02) * (to_std + 0.02) + to_mean
    return (pixels + strength * (moved - pixels)).clamp(0, 1)


def disturb(pixels: Tensor, labels: Tensor, rng: np.random.Generator, *, water: int) -> Tensor:
    """One random combination of all of the above, for a ``(3, y, x)`` crop."""
    if rng.random() < 0.3:
        pixels = repaint(pixels, labels, rng, classes=water + 1)
    if rng.random() < 0.25:
        pixels = relight(pixels, rng)
    if rng.random() < 0.15:
        pixels = glint(pixels, labels, rng, water=water)
    if rng.random() < 0.85:
        pixels = recolour(pixels, rng)
    if rng.random() < 0.3:
        pixels = haze(pixels, rng)
    if rng.random() < 0.3:
        pixels = blur(pixels, rng)
    if rng.random() < 0.3:
        pixels = sensor_noise(pixels, rng)
    if rng.random() < 0.25:
        pixels = jpeg(pixels, rng)
    return pixels


def mix_tiles(pixels: Tensor, labels: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Paste a rectangle of one crop of a batch into another, labels and all (CutMix, Yun et al. 2019).

    Args:
        pixels: ``(n, 3, y, x)``, changed in place, as is `labels` ``(n, y, x)``.
    """
    count, side = len(pixels), pixels.shape[-1]
    source = (pixels.clone(), labels.clone())
    for k in range(count):
        if rng.random() < 0.35:
            height, width = (int(side * rng.uniform(0.25, 0.7)) for _ in range(2))
            top, left = int(rng.integers(side - height)), int(rng.integers(side - width))
            other = int(rng.integers(count))
            box = np.s_[..., top : top + height, left : left + width]
            pixels[k][box] = source[0][other][box]
            labels[k][box] = source[1][other][box]
    return pixels, labels
