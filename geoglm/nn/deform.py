"""Deformable alignment: a feature map is sampled where another one says that its content belongs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

KERNEL = 3


class DeformAlign(nn.Module):
    """A 3×3 deformable convolution whose nine taps are moved by up to `bound` cells.

    Dai et al. 2017 (doi 10.1109/ICCV.2017.89), as an alignment of feature levels (Huang et al. 2021, FaPN,
    doi 10.1109/ICCV48922.2021.00090). Offsets are ``bound · tanh(conv₃ₓ₃([guide, moved]))``: bounded, or the
    receptive field would be as wide as the tile. It starts as the identity: offsets zero, the kernel's middle one.

    Exported as ONNX's DeformConv (opset 19 at least) and OpenVINO's DeformableConvolution.

    Args:
        width: channels of both maps and of the result.
        bound: how far a tap may move, in cells.
    """

    def __init__(self, width: int, *, bound: float = 2.0) -> None:
        super().__init__()
        self.bound = bound
        self.reach = KERNEL // 2 + math.ceil(bound)
        self.offset = nn.Conv2d(2 * width, 2 * KERNEL**2, KERNEL, padding=KERNEL // 2)
        self.weight = nn.Parameter(torch.empty(width, width, KERNEL, KERNEL))
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]
        nn.init.dirac_(self.weight)

    def forward(self, moved: Tensor, guide: Tensor) -> Tensor:
        """`moved` and `guide`, both ``(n, width, y, x)``, to `moved` aligned with `guide`, of the same shape."""
        # a NaN for an offset would have the sampling read anywhere in memory
        offset = self.offset(torch.cat([guide, moved], dim=1))
        offset = self.bound * offset.masked_fill(offset.isnan(), 0).tanh()
        # float32 under autocast as well: the sampling knows no bfloat16
        aligned: Tensor = deform_conv2d(moved.float(), offset.float(), self.weight, padding=KERNEL // 2)
        return aligned.to(moved.dtype)
