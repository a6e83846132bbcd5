"""The oracle with context: a pointwise network whose bias says what it was told of the scene and of each pixel's place.

Its arithmetic is in halves of halves and small whole numbers, so float32 holds it exactly and the map must be the
same tiled as whole, on every pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from geoglm.nn import segmenter
from geoglm.nn.segmenter import SegmenterSpec
from geoglm.registry.package import ModelPackage, write_package
from tests.conftest import card_for, in_whole_numbers


class ContextOracle(nn.Module):
    """Logits of a pixel: whole-numbered weights times its bands, the mean of the glance, and its row and column."""

    stride = 1

    def __init__(self, spec: SegmenterSpec) -> None:
        super().__init__()
        self.head = nn.Conv2d(spec.bands, spec.classes, 1)
        self.of_scene = nn.Linear(spec.bands, spec.classes, bias=False)
        self.of_place = nn.Linear(3, spec.classes, bias=False)
        self.summary_size = spec.bands

    def summarise(self, glance: Tensor) -> Tensor:
        return (glance.mean(dim=(2, 3)) * 64).round() / 64

    def forward(self, image: Tensor, summary: Tensor, place: Tensor) -> Tensor:
        logits = self.head(image) + self.of_scene(summary)[:, :, None, None]
        down, across, gsd = self.of_place.weight[:, :, None, None].unbind(1)
        return (
            logits
            + down * _steps(image, 2, place)
            + across * _steps(image, 3, place)
            + gsd * place[:, 4, None, None, None]
        )


def _steps(image: Tensor, axis: int, place: Tensor) -> Tensor:
    """Which pixel of the scene each of the tile's is along an axis, in 64ths of a px, ``(n, 1, y or 1, x or 1)``."""
    start, size = place[:, axis - 2, None], place[:, axis, None]
    at = ((start / size).round() + torch.arange(image.shape[axis], device=image.device)) / 64
    return at[:, None, :, None] if axis == 2 else at[:, None, None, :]


def context_oracle(folder: Path, *, bands: int = 3, classes: int = 5, seed: int = 0, **changes: Any) -> ModelPackage:
    """A package of it; to be used within `oracle_is_built`."""
    spec = SegmenterSpec(encoder="pointwise", bands=bands, classes=classes)
    return write_package(folder, in_whole_numbers(ContextOracle(spec), seed), card_for(spec, **changes))


@contextmanager
def oracle_is_built() -> Iterator[None]:
    """Packages of pointwise networks hold context oracles."""
    built = segmenter.build_segmenter
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenter, "build_segmenter", lambda s: (ContextOracle if s.encoder == "pointwise" else built)(s))
        yield


def expected(
    package: ModelPackage, pixels: np.ndarray, valid: np.ndarray, glance: np.ndarray, log2_gsd: float
) -> np.ndarray:
    """The slow obvious version: NumPy, no tiles. `glance` in pixel values."""
    weights = {k: v.numpy().astype(np.float64) for k, v in package.network().state_dict().items()}
    half = package.card.scaling.full_scale[str(pixels.dtype)] / 2
    summary = np.rint((glance.astype(np.float64) / half - 1).mean(axis=(1, 2)) * 64) / 64
    told = np.stack([*np.indices(valid.shape) / 64, np.full(valid.shape, log2_gsd)])
    logits = np.einsum("kb,byx->kyx", weights["head.weight"][:, :, 0, 0], pixels / half - 1)
    logits += (weights["head.bias"] + weights["of_scene.weight"] @ summary)[:, None, None]
    logits += np.einsum("kp,pyx->kyx", weights["of_place.weight"], told)
    return np.where(valid, logits.argmax(0), 255).astype(np.uint8)
