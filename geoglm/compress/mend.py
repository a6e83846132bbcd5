"""Mending a pruned network without labels: every layer that lost inputs learns to do with those that are left.

The layer's weights are fitted, by least squares over real samples, to what the whole network's layer gave with all of
its inputs: the second half of He et al. 2017 (arXiv 1707.06168). It takes one pass over the samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoglm.nn.channels import hidden_channels

RIDGE = 1e-3
"""Of the mean square of a layer's inputs, by which weights are held small where samples say nothing."""


@dataclass
class Moments:
    """What least squares need to know of a layer: sums over all pixels of all samples.

    Args:
        layer: of the whole network.
        inputs: ``(k + 1, k + 1)`` products of its inputs, each a channel at a place of the kernel, and 1.
        outputs: ``(k + 1, channel)`` products of these and its outputs.
        pixels: summed over.
    """

    layer: nn.Conv2d
    inputs: Tensor
    outputs: Tensor
    pixels: int = 0

    @classmethod
    def of(cls, layer: nn.Conv2d) -> Moments:
        """Of no pixel yet."""
        count = layer.weight[0].numel() + 1
        return cls(layer, torch.zeros(count, count), torch.zeros(count, layer.out_channels))

    def add(self, _: object, given: tuple[Tensor], answer: Tensor) -> None:
        """A forward hook."""
        layer = self.layer
        seen = F.unfold(given[0], layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # type: ignore[arg-type]
        rows = F.pad(seen.transpose(1, 2).flatten(0, 1), (0, 1), value=1.0)
        self.inputs += rows.T @ rows
        self.outputs += rows.T @ answer.flatten(2).transpose(1, 2).flatten(0, 1)
        self.pixels += len(rows)

    def fitted(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Weights ``(channel, len(kept), y, x)`` and shifts ``(channel,)`` of a layer with the inputs `kept` alone."""
        of_kernel = self.layer.weight[0, 0].numel()
        columns = (kept[:, None] * of_kernel + torch.arange(of_kernel)).flatten()
        columns = torch.cat([columns, torch.tensor([len(self.inputs) - 1])])
        held = (RIDGE * self.inputs.diagonal()[:-1].mean()).clamp(min=1e-9) * torch.eye(len(columns))
        held[-1] = 0
        before = torch.cat([self.layer.weight.flatten(1), torch.zeros(len(self.layer.weight), 1)], 1).T[columns]
        if self.layer.bias is not None:
            before[-1] = self.layer.bias
        square, product = self.inputs[columns][:, columns] + held, self.outputs[columns] + held @ before
        solved = torch.linalg.solve(square.double(), product.double()).float().T
        return solved[:, :-1].unflatten(1, (len(kept), *self.layer.kernel_size)), solved[:, -1]


@torch.no_grad()
def mend(smaller: nn.Module, whole: nn.Module, places: Mapping[str, Tensor], samples: Sequence[Tensor]) -> None:
    """Fit the layers of `smaller` that lost inputs, in place.

    Args:
        smaller: pruned from `whole`.
        whole: in evaluation mode.
        places: of the channels of `whole` that were kept, by the name of their set.
        samples: ``(1, band, y, x)`` inputs, as many as there are.
    """
    kept = _inputs_kept(whole, places)
    made = {layer: places[h.name] for h in hidden_channels(whole) for layer in h.made}
    names = {layer: name for name, layer in whole.named_modules()}
    moments = [Moments.of(layer) for layer in kept]
    hooks = [m.layer.register_forward_hook(m.add) for m in moments]
    for sample in samples:
        whole(sample)
    for hook in hooks:
        hook.remove()
    for seen in moments:
        weight, shift = seen.fitted(kept[seen.layer])
        stays = made.get(seen.layer, slice(None))
        layer, norm = _with_norm(smaller, names[seen.layer])
        layer.weight.copy_(weight[stays])
        if layer.bias is not None:
            layer.bias.copy_(shift[stays])
        else:
            norm.running_mean -= shift[stays]


def _inputs_kept(whole: nn.Module, places: Mapping[str, Tensor]) -> dict[nn.Conv2d, Tensor]:
    """The inputs left of every layer that lost some."""
    left: dict[nn.Conv2d, Tensor] = {}
    for channels in hidden_channels(whole):
        for layer, first in channels.taken:
            mask = left.setdefault(layer, torch.ones(layer.in_channels, dtype=torch.bool))
            mask[first : first + channels.count] = False
            mask[first + places[channels.name]] = True
    return {layer: mask.nonzero()[:, 0] for layer, mask in left.items() if not mask.all()}


def _with_norm(network: nn.Module, name: str) -> tuple[Any, Any]:
    """The convolution called `name`, and the BatchNorm that stands after it."""
    layers = list(network.named_modules())
    place = next(k for k, (n, _) in enumerate(layers) if n == name)
    norm = next((m for _, m in layers[place:] if isinstance(m, nn.BatchNorm2d)), None)
    return layers[place][1], norm
