"""Mending a pruned network without labels: every layer that lost inputs learns to do with those that are left.

The layer's weights are fitted, by least squares over real samples, to what the whole network's layer gives with all of
its inputs: the second half of He et al. 2017 (arXiv 1707.06168). Layers are fitted from the first to the last, so that
each also makes good what those before it left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoglm.nn.channels import hidden_channels

RIDGE = 1e-3
"""Of the mean square of a layer's inputs, by which its weights are held to what they were."""
ROUNDS = 8
"""Passes over the samples; the layers fitted in one do not know of each other."""


@dataclass
class Fit:
    """Least squares for a layer: sums over all pixels of all samples.

    Args:
        layer: of the pruned network.
        goal: the same layer of the whole network.
        stays: places of the outputs of `goal` that `layer` still has.
    """

    layer: nn.Conv2d
    goal: nn.Conv2d
    stays: Tensor
    inputs: Tensor = field(init=False)
    outputs: Tensor = field(init=False)
    rows: Tensor = field(init=False)

    def __post_init__(self) -> None:
        count = self.layer.weight[0].numel() + 1
        self.inputs = torch.zeros(count, count)
        self.outputs = torch.zeros(count, len(self.stays))

    def see(self, _: object, given: tuple[Tensor], __: Tensor) -> None:
        """A forward hook of `layer`, which runs first."""
        layer = self.layer
        shape: Any = (layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # pairs, or to torch a word too
        seen = F.unfold(given[0], *shape)
        self.rows = F.pad(seen.transpose(1, 2).flatten(0, 1), (0, 1), value=1.0)

    def compare(self, _: object, __: tuple[Tensor], answer: Tensor) -> None:
        """A forward hook of `goal`."""
        self.inputs += self.rows.T @ self.rows
        self.outputs += self.rows.T @ answer[:, self.stays].flatten(2).transpose(1, 2).flatten(0, 1)

    def solved(self) -> tuple[Tensor, Tensor]:
        """Weights of `layer`, and what is to be added to its answer, ``(channel,)``."""
        layer = self.layer
        held = (RIDGE * self.inputs.diagonal()[:-1].mean()).clamp(min=1e-9) * torch.eye(len(self.inputs))
        held[-1] = 0
        before = F.pad(layer.weight.flatten(1).T, (0, 0, 0, 1))
        found = torch.linalg.solve((self.inputs + held).double(), (self.outputs + held @ before).double()).float().T
        return found[:, :-1].reshape(layer.weight.shape), found[:, -1]


@torch.no_grad()
def mend(smaller: nn.Module, whole: nn.Module, places: Mapping[str, Tensor], samples: Sequence[Tensor]) -> None:
    """Fit the layers of `smaller` that lost inputs, in place.

    Args:
        smaller: pruned from `whole`.
        whole: in evaluation mode.
        places: of the channels of `whole` that were kept, by the name of their set.
        samples: ``(1, band, y, x)`` inputs, as many as there are.
    """
    fits = _fits(smaller.eval(), whole, places)
    for part in np.array_split(np.arange(len(fits)), min(ROUNDS, len(fits) or 1)):
        for fit in _seen(smaller, whole, [fits[k] for k in part], samples):
            weight, shift = fit.solved()
            norm = _norm_after(smaller, fit.layer)
            fit.layer.weight.copy_(weight)
            if fit.layer.bias is not None:
                fit.layer.bias.copy_(shift)
            else:
                norm.running_mean -= shift


def _seen(smaller: nn.Module, whole: nn.Module, fits: Sequence[Fit], samples: Sequence[Tensor]) -> Sequence[Fit]:
    """The fits with all samples in them."""
    hooks = [f.layer.register_forward_hook(f.see) for f in fits]
    hooks += [f.goal.register_forward_hook(f.compare) for f in fits]
    for sample in samples if fits else ():
        smaller(sample)
        whole(sample)
    for hook in hooks:
        hook.remove()
    return fits


def _fits(smaller: nn.Module, whole: nn.Module, places: Mapping[str, Tensor]) -> list[Fit]:
    """One for every layer that lost inputs, in the order in which a network goes through them."""
    mine: dict[str, Any] = dict(smaller.named_modules())
    names = {layer: name for name, layer in whole.named_modules()}
    hidden = hidden_channels(whole)
    made = {layer: places[h.name] for h in hidden for layer in h.made}
    takers = dict.fromkeys(layer for h in hidden for layer, _ in h.taken)
    return [
        Fit(mine[names[layer]], layer, made.get(layer, torch.arange(layer.out_channels)))
        for layer in takers
        if mine[names[layer]].in_channels < layer.in_channels
    ]


def _norm_after(network: nn.Module, layer: nn.Conv2d) -> Any:
    """The BatchNorm that stands after a convolution."""
    modules = list(network.modules())
    return next((m for m in modules[modules.index(layer) :] if isinstance(m, nn.BatchNorm2d)), None)
