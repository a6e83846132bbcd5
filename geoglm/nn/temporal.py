"""Series of one place: what stays is seen slowly and far, what changes is seen fast and fine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from geoglm.nn.pyramid import conv_norm_relu, widen

SLOW_STRIDE = 4


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """What a network for series is built from; stands in the model card.

    Args:
        bands, classes: of each date's input and output.
        width: channels of the slow path and of the fused maps; the fast path has a quarter of them.
        blocks: 3×3(×3) convolutions of each path.
    """

    bands: int
    classes: int
    width: int = 64
    blocks: int = 3

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class SeriesSegmenter(nn.Module):
    """Two paths and a gate, after SlowFast (Feichtenhofer et al. 2019, doi 10.1109/ICCV.2019.00630); one map a date.

    The slow path sees the mean of all dates at a quarter of the resolution, in many channels: the place. The fast
    path sees every date at full resolution through 3-D convolutions, in few channels: what happens there. They
    merge date by date as ``g · slow + (1 − g) · fast`` with ``g = σ(conv₁ₓ₁([slow, fast]))``.

    It is exactly tileable in space: dates are averaged, pixels never.
    """

    stride = SLOW_STRIDE

    def __init__(self, spec: SeriesSpec) -> None:
        super().__init__()
        few = max(spec.width // 4, 4)
        self.halve = nn.Sequential(_halving(spec.bands, spec.width // 2), _halving(spec.width // 2, spec.width))
        self.slow = nn.Sequential(*(conv_norm_relu(spec.width, spec.width, kernel=3) for _ in range(spec.blocks)))
        self.fast = nn.Sequential(
            _conv3d(spec.bands, few),
            *(_conv3d(few, few) for _ in range(spec.blocks - 1)),
            nn.Conv3d(few, spec.width, 1),
        )
        self.gate = nn.Conv2d(2 * spec.width, spec.width, 1)
        self.head = nn.Conv2d(spec.width, spec.classes, 1)

    def forward(self, series: Tensor) -> Tensor:
        """``(n, time, band, y, x)`` scaled pixels, dates in order, to ``(n, time, class, y, x)`` logits.

        Any number of dates; y and x are multiples of 4.
        """
        count, dates, _, rows, cols = series.shape
        slow = widen(self.slow(self.halve(series.mean(dim=1))), SLOW_STRIDE)
        slow = slow[:, None].expand(-1, dates, -1, -1, -1).flatten(0, 1)
        fast = self.fast(series.transpose(1, 2)).transpose(1, 2).flatten(0, 1)
        gate = self.gate(torch.cat([slow, fast], dim=1)).sigmoid()
        logits: Tensor = self.head(gate * slow + (1 - gate) * fast)
        return logits.reshape(count, dates, -1, rows, cols)


def _halving(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 2, stride=2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def _conv3d(inputs: int, outputs: int) -> nn.Sequential:
    """Three dates, three rows, three columns."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)
    )
