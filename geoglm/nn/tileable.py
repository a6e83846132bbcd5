"""Tileable: measured, not believed. Does a tile give what the whole scene would, and how far must it see?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoglm.nn.deform import DeformAlign

LIMIT_PX = 4096
"""A network that looks farther to one side depends, for all that tiling can do, on the whole scene."""
TOLERANCE = 1e-3
"""Of the logits' standard deviation: float32 rounding stays below, and no class flips for it."""


class NotTileable(ValueError):
    """The network's answers depend on where its tile ends, so no halo makes tiles agree with the whole."""


@torch.no_grad()
def receptive_field(network: nn.Module, *, bands: int, stride: int) -> int:
    """How far a network looks beyond a tile, measured by letting NaNs spread.

    A NaN reaches exactly those outputs whose value depends on it, whatever the weights are. NaNs fill one block of
    `stride` px across a strip, as the pixels next to a tile might, along either axis; the strip is doubled until they
    no longer fill it. A deformable convolution counts with the reach that its bound allows.

    Args:
        network: takes ``(n, bands, y, x)``, sides multiples of `stride`; what it asks of the scene is made up.
        stride: what its tiles start on multiples of.

    Returns:
        The halo in px with which a tile's core is exact, a multiple of `stride`.

    Raises:
        NotTileable: it looks farther than 4096 px.
    """
    network.eval()
    length = 16 * stride
    while length <= max(2 * LIMIT_PX, 16 * stride):
        first = length // 2 // stride * stride
        strip = torch.zeros(1, bands, _breadth(stride), length)
        strip[..., first : first + stride] = torch.nan
        with _widest_offsets(network):
            across = _answer(network, strip).isnan().flatten(0, 2).any(dim=0)
            down = _answer(network, strip.transpose(2, 3)).isnan().transpose(2, 3).flatten(0, 2).any(dim=0)
        touched = (across | down).nonzero()
        reach = max(first - int(touched[0]), int(touched[-1]) - first - stride + 1)
        if reach + 2 * stride < length // 2:
            return -(-reach // stride) * stride
        length *= 2
    raise NotTileable(f"the network looks farther than {LIMIT_PX} px: a statistic of the whole tile is in it")


@torch.no_grad()
def tiled_difference(network: nn.Module, *, bands: int, stride: int, halo: int) -> float:
    """How much a tile, `halo` px from its edge, differs from the whole, in standard deviations of the whole's logits.

    Strips of noise along both axes; beyond the tile the scene is three times as rich in contrast and brighter, so
    that a mean, a maximum or a variance taken over the tile is another one than that of the whole.
    """
    network.eval()
    margin, inner = 2 * stride, 2 * stride
    side = inner + 2 * halo
    length = side + 2 * margin
    scene = 3 * torch.randn(1, bands, _breadth(stride), length, generator=torch.Generator().manual_seed(0)) + 2
    scene[..., margin : margin + side] = (scene[..., margin : margin + side] - 2) / 3
    worst = 0.0
    for axis in (3, 2):
        image = scene if axis == 3 else scene.transpose(2, 3)
        whole = _answer(network, image)
        tile = _answer(network, image.narrow(axis, margin, side), first=margin, axis=axis, scene=image)
        gap = tile.narrow(axis, halo, inner) - whole.narrow(axis, margin + halo, inner)
        worst = max(worst, float(gap.abs().max() / whole.std()))
    return worst


def exact_halo(network: nn.Module, *, bands: int, stride: int) -> int:
    """The halo in px with which tiles give the whole scene's answer: the receptive field, put to the test.

    Raises:
        NotTileable: there is none; the message says by how much a tile differs.
    """
    halo = receptive_field(network, bands=bands, stride=stride)
    difference = tiled_difference(network, bands=bands, stride=stride, halo=halo)
    if not difference < TOLERANCE:
        raise NotTileable(
            f"{halo} px from the edge of a tile the network differs from the whole by {difference:.2g} standard "
            "deviations of its logits: something in it depends on the tile"
        )
    return halo


def _breadth(stride: int) -> int:
    """Of a strip, in px: a multiple of `stride` that no kernel is wider than."""
    return -(-32 // stride) * stride


def _answer(network: nn.Module, image: Tensor, *, first: int = 0, axis: int = 3, scene: Tensor | None = None) -> Tensor:
    """Logits of `image`, which starts at pixel `first` of `scene` along `axis`; a summary that is asked is made up."""
    size = int(getattr(network, "summary_size", 0))
    asked: tuple[Tensor, ...] = ()
    if size:
        rows, cols = (image if scene is None else scene).shape[2:]
        top, left = (first, 0) if axis == 2 else (0, first)
        place = torch.tensor([[top / rows, left / cols, 1 / rows, 1 / cols, -1.0]])
        asked = torch.randn(1, size, generator=torch.Generator().manual_seed(1)), place
    logits: Tensor = network(image, *asked)
    return logits


@contextmanager
def _widest_offsets(network: nn.Module) -> Iterator[None]:
    """While it lasts, a NaN anywhere within the reach of a deformable convolution is in its result."""

    def spread(part: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> Tensor:
        assert isinstance(part, DeformAlign)
        near = F.avg_pool2d(torch.cat(given, dim=1).sum(dim=1, keepdim=True), 2 * part.reach + 1, 1, part.reach)
        return result + 0 * near

    hooks = [part.register_forward_hook(spread) for part in network.modules() if isinstance(part, DeformAlign)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
