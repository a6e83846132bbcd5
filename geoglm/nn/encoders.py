"""Encoders: one image in, a list of feature maps out, each coarser than the one before."""

from __future__ import annotations

from collections.abc import Iterable

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """Any segmentation-models-pytorch or timm (``tu-`` prefix) encoder, cut at a stride.

    An encoder that stops at stride 16 sees less far than one that goes on to 32, so its tiles need a
    smaller halo.

    Args:
        name: encoder name as segmentation-models-pytorch spells it, e.g. ``tu-tf_efficientnet_lite0``.
        bands: number of input bands.
        depth: how often the resolution is halved; 4 stops at stride 16.
    """

    def __init__(self, name: str, *, bands: int, depth: int) -> None:
        super().__init__()
        self.body = smp.encoders.get_encoder(name, in_channels=bands, depth=depth, weights=None)
        _drop_unused_stages(self.body, depth)
        self.half_channels: int = self.body.out_channels[1]
        self.channels: tuple[int, ...] = tuple(self.body.out_channels[2:])
        self.stride: int = 2**depth

    def forward(self, image: Tensor) -> list[Tensor]:
        """``(n, band, y, x)`` to feature maps at strides 2, 4, 8, … of this encoder."""
        features: list[Tensor] = self.body(image)[1:]
        return features


def _drop_unused_stages(body: nn.Module, depth: int) -> None:
    """Cut off the stages behind the last feature map: they would be carried, and some computed, for nothing."""
    for layer in range(depth, 5):  # ResNets keep all four; layer k ends at stride 2^(k + 1)
        if hasattr(body, f"layer{layer}"):
            setattr(body, f"layer{layer}", nn.Identity())
    model = getattr(body, "model", None)
    stages = getattr(model, "blocks", None)
    if model is None or not isinstance(stages, nn.Sequential):
        return
    last = model.feature_info.module_name()[-1].removeprefix("blocks.")  # of timm's EfficientNets and MobileNets
    if last.isdecimal():
        model.blocks = stages[: int(last) + 1]


def adopt_weights(encoder: Encoder, tensors: Iterable[Tensor]) -> int:
    """Copy `tensors` into `encoder` in order, as long as the encoder has places for them.

    Weights published for another implementation of the same network carry other names but come in the
    same order; every shape is checked.

    Returns:
        The number of tensors copied.

    Raises:
        ValueError: a shape differs, or `tensors` ends before the encoder is filled.
    """
    source = iter(tensors)
    state = encoder.body.state_dict()
    for count, (name, place) in enumerate(state.items()):
        given = next(source, None)
        if given is None or given.shape != place.shape:
            found = None if given is None else tuple(given.shape)
            raise ValueError(f"weight {count} does not fit {name}: {found} for {tuple(place.shape)}")
        with torch.no_grad():
            place.copy_(given)
    return len(state)
