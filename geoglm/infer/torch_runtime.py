"""The torch runtime: CUDA where present (bf16 autocast, channels last), or the CPU as the plain reference."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geoglm.errors import PlanError
from geoglm.infer.runtime import Product, in_full_batches
from geoglm.infer.scoring import LogitsGraph, ScoringGraph
from geoglm.options import Doubt, Precision
from geoglm.pixels.scale import Scaling

BATCH_PX = 4 * 2**20
"""Pixels in a batch on a GPU: enough to fill it, about 1 GB of activations."""


class TorchRuntime:
    """`network` under torch.

    Args:
        device: ``cuda`` or ``cpu``.
        patch: rows and columns of a tile, for the batch size.
        precision: ``auto`` is bf16 on CUDA and float32 on the CPU.
        reduce, temperature, doubts: see `LogitsGraph` and `ScoringGraph`.
        glance: ``(band, y, x)`` float32 raw pixels of the whole scene made small, for a network that looks at it;
            summarised on the CPU in float32, whatever the device.

    Raises:
        PlanError: CUDA is asked for and not there.
    """

    def __init__(
        self,
        network: nn.Module,
        scaling: Scaling,
        *,
        full_scale: float,
        product: Product,
        device: str,
        patch: tuple[int, int],
        precision: Precision,
        reduce: int = 1,
        temperature: float = 1.0,
        glance: NDArray[np.float32] | None = None,
        doubts: tuple[Doubt, ...] = (),
    ) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise PlanError("device 'cuda' is not there (torch finds no GPU); use --device cpu")
        logits = LogitsGraph(network, scaling, full_scale, reduce=reduce)
        self.summary = None if glance is None else _summary(logits, glance).to(device)
        graph = ScoringGraph(logits, product, temperature=temperature, doubts=doubts)
        self.graph = graph.to(device).to(memory_format=torch.channels_last)
        self.device = torch.device(device)
        self.half = precision == "bf16" or (precision == "auto" and device == "cuda")
        self.batch = max(1, BATCH_PX // (patch[0] * patch[1])) if device == "cuda" else 1
        self.name = f"torch-{device}-{'bf16' if self.half else 'f32'}"

    def infer(
        self, tiles: NDArray[np.generic], places: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.generic], ...]:
        """See `Runtime.infer`."""
        return in_full_batches(self.batch, self._run, tiles, places)

    @torch.inference_mode()
    def _run(self, tiles: NDArray[np.generic], *places: NDArray[np.float32]) -> tuple[NDArray[np.generic], ...]:
        raw = torch.from_numpy(tiles).to(self.device).float()
        of_scene = [torch.from_numpy(p).to(self.device) for p in places]
        if self.summary is not None:
            of_scene.insert(0, self.summary.expand(len(raw), -1))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            outputs = self.graph(raw.contiguous(memory_format=torch.channels_last), *of_scene)
        return tuple(o.cpu().numpy() for o in outputs)


@torch.inference_mode()
def _summary(graph: LogitsGraph, glance: NDArray[np.float32]) -> Tensor:
    return graph.summarise(torch.from_numpy(glance)[None])
