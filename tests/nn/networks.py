"""Networks whose every part does something: fresh ones have unit statistics and offsets of zero."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from geoglm.nn.deform import DeformAlign
from geoglm.nn.segmenter import PointwiseSegmenter, Segmenter, SegmenterSpec, build_segmenter


@torch.no_grad()
def stirred(module: nn.Module, seed: int = 0) -> nn.Module:
    """`module` ready for inference, with statistics, offsets and gates as training might leave them."""
    torch.manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.5, 1.5)
        if isinstance(part, DeformAlign):
            part.offset.weight.normal_(0, 0.3)
            part.weight.add_(0.1 * torch.randn_like(part.weight))
    if getattr(module, "context", None) is not None:
        module.context.gate.bias.zero_()
        module.context.gate.weight.normal_(0, 0.1)
        for table in (module.context.codes.rows, module.context.codes.cols, module.context.codes.resolution):
            table.table.normal_()
    return module.eval()


def network(spec: SegmenterSpec) -> Segmenter | PointwiseSegmenter:
    """The network of `spec`, the same at every call."""
    torch.manual_seed(0)
    return stirred(build_segmenter(spec))  # type: ignore[return-value]


def tiny(**changes: Any) -> SegmenterSpec:
    """A small network, fast enough to be tried in every combination."""
    return SegmenterSpec(**({"encoder": "resnet18", "bands": 3, "classes": 4, "depth": 4, "width": 8} | changes))


def scene_of(built: nn.Module, count: int = 1) -> tuple[Tensor, Tensor]:
    """A random summary and place for `count` tiles."""
    return torch.randn(count, built.summary_size), torch.rand(count, 5)
