"""Distillation: soft labels of a teacher, who may be a network in an ONNX file or a package of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from geoglm.pixels.scale import Scaling
from geoglm.registry.antialias import antialiased
from geoglm.tiling.grid import TileGrid, round_up

Teacher = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Raw pixels ``(band, y, x)``, sides multiples of 4, to logits ``(class, y, x)``."""

NODATA_REACH_PX = 4
"""Around pixels without data a teacher is not believed."""


class OnnxTeacher:
    """A network in an ONNX file, NHWC in and NHWC logits out, run by OpenVINO.

    OpenVINO 2026.4 leaves out the antialiasing that ONNX asks of some ``Resize`` nodes (Dynamic World agreed with
    ONNX Runtime on 91 % of pixels only); halving is therefore replaced by the convolution that it stands for (99.98 %).

    Args:
        path: of the file.
        bands: of its input.
        prepare: raw pixels ``(band, y, x)`` to its input, same shape.
        precision: of its arithmetic.
        threads: that it computes with.

    Raises:
        ValueError: it has an antialiased ``Resize`` that is no halving.
    """

    def __init__(
        self,
        path: Path,
        *,
        bands: int,
        prepare: Teacher,
        precision: Literal["f32", "bf16"] = "f32",
        threads: int = 1,
    ) -> None:
        import openvino as ov

        self.prepare = prepare
        core = ov.Core()
        model = antialiased(core.read_model(path))
        model.reshape([1, -1, -1, bands])
        hints = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._network = core.compile_model(model, "CPU", hints)

    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Teacher`."""
        image = np.ascontiguousarray(self.prepare(pixels).transpose(1, 2, 0))[None]
        logits: NDArray[np.float32] = self._network(image)[0][0].transpose(2, 0, 1)
        return logits


class NetworkTeacher:
    """A network of ours, such as that of a package, as a teacher.

    Args:
        network: takes scaled pixels and looks at no more than them.
        scaling, full_scale: from raw pixels to its input.
    """

    def __init__(self, network: nn.Module, scaling: Scaling, full_scale: float) -> None:
        self.network = network.eval()
        slope, offset = scaling.slope_and_offset(full_scale)
        self.slope, self.offset = slope[:, None, None], offset[:, None, None]

    @torch.no_grad()
    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Teacher`."""
        logits: NDArray[np.float32] = self.network(torch.from_numpy(pixels * self.slope + self.offset)[None])[0].numpy()
        return logits


def soft_labels(
    teacher: Teacher,
    pixels: NDArray[np.generic],
    valid: NDArray[np.bool_],
    *,
    patch_px: int = 608,
    halo_px: int = 48,
    stride: int = 4,
    fill: float = 1.0,
    temperature: float = 1.0,
) -> NDArray[np.uint8]:
    """What a teacher says of an image of any size, tile by tile, cut at the tiles' cores.

    Args:
        teacher: who is asked.
        pixels: ``(band, y, x)`` raw.
        valid: ``(y, x)``; near pixels without data the teacher is not asked.
        patch_px, halo_px: of a tile; the halo at least as far as the teacher looks.
        stride: what tiles start on multiples of.
        fill: raw value of pixels without data.
        temperature: by which the teacher's logits are divided. Below 1 it makes a teacher whose classes are nearly
            even, as one with normalised features is, say clearly which it would choose.

    Returns:
        ``(class, y, x)`` uint8, probabilities × 255, all zero where the teacher was not asked.
    """
    rows, cols = valid.shape
    shown = np.where(valid, pixels, fill).astype(np.float32)
    beyond = ((0, 0), (0, round_up(rows, stride) - rows), (0, round_up(cols, stride) - cols))
    shown = np.pad(shown, beyond, mode="edge")
    side = tuple(min(patch_px, n) for n in shown.shape[1:])
    found: NDArray[np.uint8] | None = None
    for tile in TileGrid.over(shown.shape[1:], patch=(side[0], side[1]), halo=halo_px, stride=stride):
        read, core = tile.read, tile.core
        logits = (
            teacher(shown[:, read.top : read.bottom, read.left : read.right])[(..., *core.within(read))] / temperature
        )
        odds = np.exp(logits - logits.max(axis=0))
        if found is None:
            found = np.zeros((len(logits), *shown.shape[1:]), np.uint8)
        found[:, core.top : core.bottom, core.left : core.right] = np.rint(255 * odds / odds.sum(axis=0))
    assert found is not None
    soft = np.ascontiguousarray(found[:, :rows, :cols])
    soft[:, near_nodata(valid)] = 0
    return soft


def near_nodata(valid: NDArray[np.bool_], *, reach_px: int = NODATA_REACH_PX) -> NDArray[np.bool_]:
    """Where pixels without data are at most `reach_px` away, along either axis or both."""
    missing = torch.from_numpy(~valid)[None, None].float()
    near: NDArray[np.bool_] = F.max_pool2d(missing, 2 * reach_px + 1, stride=1, padding=reach_px)[0, 0].numpy() > 0
    return near
