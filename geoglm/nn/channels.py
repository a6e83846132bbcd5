"""Channels that some layers make and others take and nobody else sees: a network can lose them and stay whole.

They are the hidden channels of residual blocks and those of pyramid, fusion and detail. Channels that a sum of blocks
goes through, and the features that an encoder hands on, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from timm.models._efficientnet_blocks import DepthwiseSeparableConv, EdgeResidual, InvertedResidual, SqueezeExcite
from timm.models.efficientnet import EfficientNetFeatures
from timm.models.mobilenetv3 import MobileNetV3Features
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from geoglm.nn.detail import Detail
from geoglm.nn.fusion.concat import Concat

CHAINS: dict[type[nn.Module], tuple[tuple[str, ...], ...]] = {
    InvertedResidual: (("conv_pw", "bn1", "conv_dw", "bn2", "se", "conv_pwl"),),
    EdgeResidual: (("conv_exp", "bn1", "se", "conv_pwl"),),
    BasicBlock: (("conv1", "bn1", "conv2"),),
    Bottleneck: (("conv1", "bn1", "conv2"), ("conv2", "bn2", "conv3")),
}
"""Parts of blocks: the first makes channels, those between go through them one by one, the last takes them."""


@dataclass(frozen=True, slots=True)
class HiddenChannels:
    """Channels that can be cut without a trace elsewhere.

    Args:
        name: path of the layer that makes them.
        count: how many.
        made: layers whose outputs they are: convolutions, with all their groups where they go channel by channel, and
            BatchNorms.
        taken: convolutions among whose inputs they are, and the first of these inputs.
    """

    name: str
    count: int
    made: tuple[nn.Module, ...]
    taken: tuple[tuple[nn.Conv2d, int], ...]

    @torch.no_grad()
    def keep(self, places: Sequence[int] | Tensor) -> None:
        """Cut all channels but those at `places`, ascending; groups whose inputs come later move up."""
        kept = torch.as_tensor(places)
        for layer in self.made:
            _keep_outputs(layer, kept)
        for layer, first in self.taken:
            inputs = torch.arange(layer.in_channels)
            own = (inputs >= first) & (inputs < first + self.count)
            _keep_inputs(layer, torch.cat([inputs[~own], kept + first]).sort().values)


def hidden_channels(network: nn.Module) -> list[HiddenChannels]:
    """All such channels of a `Segmenter`; of another network, or an encoder of blocks unknown to `CHAINS`, none.

    Cut them from the last to the first, so that the inputs at which those before begin stay where they are.
    """
    found = [*_of_stem(network), *_of_blocks(network), *_of_decoder(network)]
    names = {layer: name for name, layer in network.named_modules()}
    return [HiddenChannels(names[m[0]], m[0].out_channels, tuple(m), tuple(taken)) for m, taken in found]


def narrow(network: nn.Module, kept: Mapping[str, int]) -> None:
    """Leave as many channels as `kept` says by name, the first of each: the shape that weights of a pruned network fit.

    Raises:
        ValueError: there are no channels of such a name, or fewer.
    """
    hidden = hidden_channels(network)
    if unknown := set(kept) - {h.name for h in hidden}:
        raise ValueError(f"this network has no hidden channels made by {', '.join(sorted(unknown))}")
    for channels in reversed(hidden):
        count = kept.get(channels.name, channels.count)
        if not 1 <= count <= channels.count:
            raise ValueError(f"{channels.name} makes {channels.count} channels, of which {count} cannot be kept")
        channels.keep(range(count))


Found = tuple[list[Any], list[tuple[Any, int]]]
"""The layers that make channels, and those that take them, see `HiddenChannels`."""


def _of_stem(network: nn.Module) -> Iterator[Found]:
    """The first convolution of timm's EfficientNets and MobileNets, where the block after it sums nothing up."""
    for body in (m for m in network.modules() if isinstance(m, EfficientNetFeatures | MobileNetV3Features)):
        block: Any = body.blocks[0][0]  # type: ignore[index]  # to torch any attribute may be a tensor
        if type(block) is DepthwiseSeparableConv and not block.has_skip and 0 not in body._stage_out_idx:
            yield from _chain([body.conv_stem, body.bn1, block.conv_dw, block.bn1, block.se, block.conv_pw])


def _of_blocks(network: nn.Module) -> Iterator[Found]:
    for block in network.modules():
        for names in CHAINS.get(type(block), ()):
            yield from _chain([getattr(block, name) for name in names])


def _chain(layers: Sequence[Any]) -> Iterator[Found]:
    """The channels of a chain, if all of its layers are of kinds that can lose some."""
    first, *between, last = layers
    if not (isinstance(first, nn.Conv2d) and isinstance(last, nn.Conv2d) and first.groups == last.groups == 1):
        return
    made: list[nn.Module] = [first]
    taken = [(last, 0)]
    for layer in between:
        if isinstance(layer, SqueezeExcite):
            made.append(layer.conv_expand)
            taken.append((layer.conv_reduce, 0))
        elif isinstance(layer, nn.BatchNorm2d) or (isinstance(layer, nn.Conv2d) and _is_depthwise(layer)):
            made.append(layer)
        elif not isinstance(layer, nn.Identity):
            return
    yield made, taken


def _is_depthwise(conv: nn.Conv2d) -> bool:
    return conv.groups == conv.in_channels == conv.out_channels


def _of_decoder(network: Any) -> Iterator[Found]:
    """Those of pyramid, fusion and detail, in the order of the inputs they become."""
    if not hasattr(network, "pyramid"):
        return
    pyramid, fusion = network.pyramid, network.fusion
    if not pyramid.align:  # the sum of all levels, of one width
        yield list(pyramid.lateral), [(smooth[0], 0) for smooth in pyramid.smooth]
    if not isinstance(fusion, Concat):
        return
    first = 0
    mix = fusion.mix
    for smooth in pyramid.smooth:
        yield [smooth[0], smooth[1]], [(mix[0], first)]
        first += smooth[0].out_channels
    detail, head = network.detail, network.head[-1]
    steps = [mix] if detail is None else [mix, detail.to_half]
    if isinstance(detail, Detail):
        steps.append(detail.to_full)
    for step, later in pairwise([*steps, [head]]):
        yield [step[0], step[1]], [(later[0], 0)]
    if isinstance(detail, Detail):
        half: Any = detail.to_half[0]
        yield [detail.near[0], detail.near[1]], [(detail.to_full[0], half.out_channels)]


def _keep_outputs(layer: nn.Module, kept: Tensor) -> None:
    """Cut a convolution's or BatchNorm's outputs; a convolution that goes channel by channel loses its inputs too."""
    for name, value in (*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)):
        if value.ndim:
            _replace(layer, name, value[kept])
    if isinstance(layer, nn.Conv2d):
        if _is_depthwise(layer):
            layer.in_channels = layer.groups = len(kept)
        layer.out_channels = len(kept)
    elif isinstance(layer, nn.BatchNorm2d):
        layer.num_features = len(kept)


def _keep_inputs(layer: nn.Conv2d, kept: Tensor) -> None:
    _replace(layer, "weight", layer.weight[:, kept])
    layer.in_channels = len(kept)


def _replace(layer: nn.Module, name: str, value: Tensor) -> None:
    whole = value.detach().clone()
    if name in dict(layer.named_parameters(recurse=False)):
        setattr(layer, name, nn.Parameter(whole, requires_grad=getattr(layer, name).requires_grad))
    else:
        setattr(layer, name, whole)
