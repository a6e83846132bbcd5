"""Encoders: one image in, a list of feature maps out, each coarser than the one before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from geoglm.nn.separable import SeparableEncoder
from geoglm.nn.windowed import WindowedEncoder

RGB = tuple[int, int, int] | None
"""Where red, green and blue stand among the bands of an image; None where they do not."""


class Encoder(nn.Module):
    """Any segmentation-models-pytorch or timm (``tu-`` prefix) pyramid encoder, or our own, cut at a stride.

    An encoder that stops at stride 16 sees less far than one that goes on to 32, so its tiles need a
    smaller halo. One that holds a statistic over the tile, such as squeeze-and-excitation (MobileNetV3) or
    global attention (SegFormer's ``mit``), runs but cannot be tiled exactly: `geoglm.nn.tileable` tells.

    Args:
        name: encoder name as segmentation-models-pytorch spells it, e.g. ``tu-tf_efficientnet_lite0``; or
            ``windowed-48``, see `WindowedEncoder`, of 48 channels at patch level 4; or ``separable-40``, see
            `SeparableEncoder`, of 40 channels at stride 2.
        bands: number of input bands.
        depth: how often the resolution is halved; 4 stops at stride 16.
    """

    def __init__(self, name: str, *, bands: int, depth: int) -> None:
        super().__init__()
        self.body = body = _body(name, bands=bands, depth=depth)
        self.half_channels: int = body.out_channels[1]
        self.channels: tuple[int, ...] = tuple(body.out_channels[2:])
        self.stride: int = body.stride if isinstance(body, WindowedEncoder) else 2**depth

    def forward(self, image: Tensor) -> list[Tensor]:
        """``(n, band, y, x)`` to feature maps at strides 2, 4, 8, … of this encoder."""
        features: list[Tensor] = self.body(image)[1:]
        return features


def _body(name: str, *, bands: int, depth: int) -> Any:
    if name.startswith("windowed-"):
        return WindowedEncoder(bands=bands, depth=depth, channels=int(name.removeprefix("windowed-")))
    if name.startswith("separable-"):
        return SeparableEncoder(bands=bands, depth=depth, channels=int(name.removeprefix("separable-")))
    any_size = {"strict_img_size": False} if name.startswith("tu-swin") else {}
    body = smp.encoders.get_encoder(name, in_channels=bands, depth=depth, weights=None, **any_size)
    _drop_unused_stages(body, depth)
    return body


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


def adapt_first_convolution(weight: Tensor, *, bands: int, rgb: RGB = (0, 1, 2)) -> Tensor:
    """Weights that were learnt on red, green and blue, for an image of `bands` bands.

    The bands at `rgb` keep their own weights, the others get the mean of the three, and all are scaled by
    ``3 / bands``: a grey scene, alike in all bands, gives what it gave before, so activations keep their energy.

    Args:
        weight: ``(channel, 3, y, x)``.
        rgb: where red, green and blue stand among the bands; None, or fewer than three bands, for nowhere.

    Returns:
        ``(channel, bands, y, x)``.
    """
    adapted = weight.mean(dim=1, keepdim=True).repeat(1, bands, 1, 1)
    if rgb is not None and bands >= 3:
        for colour, band in enumerate(rgb):
            adapted[:, band] = weight[:, colour]
    return adapted * (weight.shape[1] / bands)


def adopt_weights(encoder: Encoder, tensors: Iterable[Tensor], *, rgb: RGB = (0, 1, 2)) -> int:
    """Copy `tensors` into `encoder` in order, as long as the encoder has places for them.

    Weights published for another implementation of the same network carry other names but come in the
    same order; every shape is checked. The first, of a convolution of RGB, is adapted to the encoder's bands.

    Args:
        encoder: to be filled.
        tensors: at least as many as it has.
        rgb: where red, green and blue stand among its bands, see `adapt_first_convolution`.

    Returns:
        The number of tensors copied.

    Raises:
        ValueError: a shape differs, or `tensors` ends before the encoder is filled.
    """
    source = iter(tensors)
    state = encoder.body.state_dict()
    for count, (name, place) in enumerate(state.items()):
        given = next(source, None)
        if count == 0 and given is not None and given.ndim == 4 and given.shape[1] == 3:
            given = adapt_first_convolution(given, bands=place.shape[1], rgb=rgb)
        if given is None or given.shape != place.shape:
            found = None if given is None else tuple(given.shape)
            raise ValueError(f"weight {count} does not fit {name}: {found} for {tuple(place.shape)}")
        with torch.no_grad():
            place.copy_(given)
    return len(state)
