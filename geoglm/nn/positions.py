"""Positions: where in the scene a cell lies and how large its pixels are, as learnable codes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

FINEST_LOG2_M, COARSEST_LOG2_M = -4.0, 7.0
"""Ground sample distances between 6 cm and 128 m are told apart."""


def place_of(
    top: int, left: int, *, scene: tuple[int, int], gsd_m: float | None = None
) -> tuple[float, float, float, float, float]:
    """What a network is told about the place of a tile.

    Args:
        top, left: the tile's first pixel in the scene.
        scene: rows and columns of the scene in px.
        gsd_m: ground sample distance in m, if known.

    Returns:
        Row and column of the first pixel and the size of one pixel down and across, in units of the scene's height
        and width; and log2 of the ground sample distance, 0 if unknown.
    """
    height, width = scene
    return top / height, left / width, 1 / height, 1 / width, math.log2(gsd_m) if gsd_m else 0.0


class PositionTable(nn.Module):
    """A learnable curve: codes at equally spaced knots over 0…1, straight lines between them.

    The share of knot k at u is the hat ``relu(1 − |u (K − 1) − k|)``, which exports as plain arithmetic.

    Args:
        knots: number K of codes.
        width: of a code.
    """

    def __init__(self, knots: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(knots, width))
        self.knots: Tensor
        self.register_buffer("knots", torch.arange(knots, dtype=torch.float32), persistent=False)

    def forward(self, at: Tensor) -> Tensor:
        """``(n, m)`` places, those outside 0…1 taken for the ends, to ``(n, m, width)`` codes."""
        scaled = at.clamp(0, 1) * (len(self.table) - 1)
        codes: Tensor = (1 - (scaled[..., None] - self.knots).abs()).relu() @ self.table
        return codes


class PlaceCodes(nn.Module):
    """One code for every feature cell: row, column and ground resolution, each from a table, added up.

    It is computed from where the cell lies in the scene, so it does not depend on the tile that holds it.

    Args:
        width: of a code.
        stride: of the cells, in px.
        knots: of each table.
    """

    def __init__(self, width: int, *, stride: int, knots: int = 16) -> None:
        super().__init__()
        self.stride = stride
        self.rows, self.cols, self.resolution = (PositionTable(knots, width) for _ in range(3))

    def forward(self, feature: Tensor, place: Tensor) -> Tensor:
        """The codes ``(n, width, y, x)`` of the cells of `feature` ``(n, c, y, x)``, a tile at `place` ``(n, 5)``."""
        down = self.rows(self._centres(feature.shape[2], place[:, 0], place[:, 2]))
        across = self.cols(self._centres(feature.shape[3], place[:, 1], place[:, 3]))
        span = COARSEST_LOG2_M - FINEST_LOG2_M
        scale = self.resolution((place[:, 4:5] - FINEST_LOG2_M) / span)
        codes: Tensor = down[:, :, None] + across[:, None] + scale[:, None]
        return codes.permute(0, 3, 1, 2)

    def _centres(self, count: int, start: Tensor, pixel: Tensor) -> Tensor:
        """``(n, count)`` centres of cells along one axis, in units of the scene."""
        cells = torch.arange(count, device=start.device, dtype=start.dtype) + 0.5
        return start[:, None] + cells * self.stride * pixel[:, None]
