"""The feature pyramid: every scale is told what the coarser ones saw, then all come to the finest."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from geoglm.nn.deform import DeformAlign

ALIGNMENTS = ("bilinear", "deform")
"""How a coarser level is brought onto a finer one: upsampled as it is, or moved to the finer one's edges as well."""


def widen(coarse: Tensor, factor: int) -> Tensor:
    """Bilinear upsampling by a whole `factor`, sample grid fixed to pixel areas.

    ``align_corners=False`` throughout: with ``True`` the sample positions depend on the extent of the
    tile, and no tiling could reproduce the whole-scene map.
    """
    return F.interpolate(coarse, scale_factor=factor, mode="bilinear", align_corners=False)


def conv_norm_relu(inputs: int, outputs: int, *, kernel: int) -> nn.Sequential:
    """Convolution, BatchNorm (folds into the convolution at export, no tile statistics), ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class FeaturePyramid(nn.Module):
    """Top-down pyramid of Lin et al. 2017 (doi 10.1109/CVPR.2017.106), exactly tileable.

    1×1 convolutions bring every level to `width` channels, each level is added to the next finer one,
    and a 3×3 convolution smooths each sum. The levels then are brought to the finest resolution.

    Args:
        channels: of the encoder's levels, finest first; each level halves the resolution.
        width: channels of every pyramid level and of the output.
        alignment: ``bilinear``, or ``deform`` (see `DeformAlign`), which untrained is the same.

    Raises:
        ValueError: `alignment` is another name.
    """

    def __init__(self, channels: Sequence[int], *, width: int, alignment: str = "bilinear") -> None:
        super().__init__()
        if alignment not in ALIGNMENTS:
            raise ValueError(f"alignment {alignment!r} is unknown; there are {', '.join(ALIGNMENTS)}")
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.smooth = nn.ModuleList(conv_norm_relu(width, width, kernel=3) for _ in channels)
        self.align = nn.ModuleList(DeformAlign(width) for _ in channels[1:] if alignment == "deform")

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Feature maps, finest first, to as many ``(n, width, y, x)`` maps, all at the finest resolution."""
        aligned = [lateral(f) for lateral, f in zip(self.lateral, features, strict=True)]
        for fine in reversed(range(len(aligned) - 1)):
            coarser = widen(aligned[fine + 1], 2)
            if self.align:
                coarser = self.align[fine](coarser, aligned[fine])
            aligned[fine] = aligned[fine] + coarser
        levels = [smooth(a) for smooth, a in zip(self.smooth, aligned, strict=True)]
        return [level if k == 0 else widen(level, 2**k) for k, level in enumerate(levels)]
