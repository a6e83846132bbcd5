"""A small encoder of separable convolutions that is wide where it is fine: for spectra rather than for shapes.

Encoders for photographs keep 16 to 32 channels at stride 2 and spend their width on coarse levels. In a satellite
image of nine bands the class hangs on the spectrum of a pixel and the texture around it.
"""

from __future__ import annotations

from torch import Tensor, nn

BLOCKS = (2, 3, 3)
"""Residual blocks at strides 2, 4 and 8."""


class SeparableBlock(nn.Module):
    """A 3×3 convolution channel by channel, a 1×1 convolution across them, and the input added where it fits.

    Howard et al. 2017 (MobileNets, arXiv 1704.04861), with BatchNorm after each, which folds into it.

    Args:
        inputs, outputs: channels.
        stride: 1, or 2 to halve the resolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.around = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), nn.BatchNorm2d(inputs)
        )
        self.across = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        )
        self.adds = inputs == outputs and stride == 1

    def forward(self, features: Tensor) -> Tensor:
        """``(n, inputs, y, x)`` to ``(n, outputs, y / stride, x / stride)``."""
        new: Tensor = self.across(self.around(features))
        return features + new if self.adds else new


class SeparableEncoder(nn.Module):
    """Levels at strides 2, 4 and 8 with 1, 2 and 3 times `channels`.

    Args:
        bands: of the image.
        depth: how often the resolution is halved, at most 3.
        channels: at stride 2.

    Raises:
        ValueError: `depth` is beyond what there is.
    """

    def __init__(self, *, bands: int, depth: int, channels: int) -> None:
        super().__init__()
        if not 2 <= depth <= len(BLOCKS):
            raise ValueError(f"a separable encoder halves 2 or {len(BLOCKS)} times, not {depth}")
        widths = [channels * (k + 1) for k in range(depth)]
        stem = (nn.Conv2d(bands, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        stages = [nn.Sequential(*stem, *(SeparableBlock(channels, channels) for _ in range(BLOCKS[0])))]
        for k in range(1, depth):
            down = SeparableBlock(widths[k - 1], widths[k], 2)
            stages.append(nn.Sequential(down, *(SeparableBlock(widths[k], widths[k]) for _ in range(BLOCKS[k]))))
        self.stages = nn.ModuleList(stages)
        self.out_channels = (bands, *widths)

    def forward(self, image: Tensor) -> list[Tensor]:
        """The image, then its features level by level."""
        levels = [image]
        for stage in self.stages:
            levels.append(stage(levels[-1]))
        return levels
