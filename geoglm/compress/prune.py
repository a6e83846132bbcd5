"""Structured pruning: whole channels are taken out, so that what is left is a smaller network for any runtime.

Of every set of hidden channels (`geoglm.nn.channels`) the same share goes, those that send least on, which is estimated
from the weights alone; Li et al. 2017 (arXiv 1608.08710) rank filters by their weights too. No data is needed, and the
network has to be taught again afterwards.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from geoglm.errors import GeoglmError
from geoglm.nn.channels import HiddenChannels, hidden_channels

MULTIPLE = 8
"""Channels are kept in multiples of so many, as processors compute them."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """A smaller network.

    Args:
        network: the network.
        kept: channels left of every set that lost some, by its name; `SegmenterSpec.kept` wants these.
        places: of the channels left of every set.
        hidden: hidden channels there were, and are.
        parameters: there were, and are.
        operations: multiply-adds a pixel of the image there were, and are.
    """

    network: nn.Module
    kept: dict[str, int]
    places: dict[str, Tensor]
    hidden: tuple[int, int]
    parameters: tuple[int, int]
    operations: tuple[float, float]


def pruned(network: nn.Module, share: float, *, bands: int, multiple: int = MULTIPLE) -> Pruned:
    """A copy of `network` with `share` fewer multiply-adds.

    Args:
        network: a `Segmenter`, which stays as it is.
        share: of the multiply-adds of its convolutions, 0 to below 1; at least so much goes, and as little more as can
            be. Every set of hidden channels gives the same share, rounded so that a multiple of `multiple` stays.
        bands: of its input.

    Raises:
        GeoglmError: so much cannot go without touching what is not hidden.
    """
    before = operations(network, bands=bands)
    low, high = 0.0, 1.0
    best, places = _without(network, high if share else low, multiple=multiple)
    if (least := operations(best, bands=bands)) > (1 - share) * before:
        raise GeoglmError(
            f"{share:g} of its multiply-adds cannot be pruned; of this network it is {1 - least / before:.2f} at most"
        )
    while share and high - low > 0.002:
        middle = (low + high) / 2
        tried, tried_places = _without(network, middle, multiple=multiple)
        if operations(tried, bands=bands) <= (1 - share) * before:
            best, places, high = tried, tried_places, middle
        else:
            low = middle
    was, is_now = hidden_channels(network), hidden_channels(best)
    return Pruned(
        best,
        {h.name: h.count for w, h in zip(was, is_now, strict=True) if h.count < w.count},
        places,
        hidden=(sum(h.count for h in was), sum(h.count for h in is_now)),
        parameters=(_parameters(network), _parameters(best)),
        operations=(before, operations(best, bands=bands)),
    )


def _without(network: nn.Module, share: float, *, multiple: int) -> tuple[nn.Module, dict[str, Tensor]]:
    """A copy without the weakest `share` of the channels of every set, and the places of those that stay."""
    smaller, places = copy.deepcopy(network), {}
    for channels in reversed(hidden_channels(smaller)):
        count = left_of(channels.count, share, multiple=multiple)
        places[channels.name] = strength(channels).topk(count).indices.sort().values
        channels.keep(places[channels.name])
    return smaller, places


def left_of(count: int, share: float, *, multiple: int) -> int:
    """How many of `count` channels stay.

    >>> [left_of(n, 0.4, multiple=8) for n in (96, 64, 12, 4)]
    [56, 40, 8, 4]
    >>> left_of(20, 0.0, multiple=8)
    20
    """
    return min(count, max(multiple, round((1 - share) * count / multiple) * multiple)) if share else count


@torch.no_grad()
def strength(channels: HiddenChannels) -> Tensor:
    """``(channel,)``: how much of each reaches the next layers.

    The root mean square of a channel times the norm of the weights it meets. Before its ReLU a channel is normal, with
    mean and deviation from the shift β and scale γ of the last BatchNorm: E[relu(x)²] = (β² + γ²)Φ(β/γ) + βγφ(β/γ).
    Channels without BatchNorm are taken to be as strong as the weights that make them.
    """
    norms = [m for m in channels.made if isinstance(m, nn.BatchNorm2d)]
    if norms:
        sent = _after_relu(norms[-1].bias, norms[-1].weight.abs().clamp(min=1e-12))
    else:
        makers = [m.weight for m in channels.made if isinstance(m, nn.Conv2d)]
        sent = torch.stack([w.square().sum((1, 2, 3)) for w in makers]).sum(0)
    met = [layer.weight[:, first : first + channels.count] for layer, first in channels.taken]
    return (sent * torch.stack([w.square().sum((0, 2, 3)) for w in met]).sum(0)).sqrt()


def _after_relu(shift: Tensor, scale: Tensor) -> Tensor:
    """The mean square of a normal variable after a ReLU."""
    ratio = shift / scale
    density = torch.exp(-ratio.square() / 2) / math.sqrt(2 * math.pi)
    below: Tensor = torch.special.ndtr(ratio)
    return ((shift.square() + scale.square()) * below + shift * scale * density).clamp(min=0)


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@torch.no_grad()
def operations(network: nn.Module, *, bands: int) -> float:
    """Multiply-adds of the convolutions, a pixel of the image."""
    counted = 0

    def count(layer: nn.Module, _: object, answer: Tensor) -> None:
        nonlocal counted
        if isinstance(layer, nn.Conv2d):
            counted += answer.shape[-2] * answer.shape[-1] * layer.weight.numel()

    side = 2 * int(getattr(network, "stride", 1))
    hooks = [m.register_forward_hook(count) for m in network.modules()]
    training = network.training
    network.eval()(next(network.parameters()).new_zeros(1, bands, side, side))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return counted / side**2
