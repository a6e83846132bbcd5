"""What a network's context module heeds, seen from outside while a tile goes through it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from geoglm.infer.scoring import LogitsGraph

Floats = NDArray[np.float64]


@torch.inference_mode()
def heeded(
    graph: LogitsGraph, raw: NDArray[np.float32], glance: NDArray[np.float32], place: NDArray[np.float32]
) -> tuple[Floats, Floats] | None:
    """Attention and gate of the context module for one tile, in float32 on the CPU; None for a network without one.

    Args:
        raw: ``(band, y, x)`` pixels of the tile.
        glance: of the scene, see `LogitsGraph.summarise`.
        place: ``(1, 5)`` of the tile.

    Returns:
        ``(token, y, x)`` attention, which adds up to one over the tokens, and ``(y, x)`` gate, the mean over channels;
        a cell for each of the encoder's coarsest level.
    """
    module = getattr(graph.network, "context", None)
    if module is None:
        return None
    asked: list[tuple[Any, ...]] = []
    gates: list[torch.Tensor] = []

    def note_input(_: nn.Module, given: tuple[Any, ...]) -> None:
        asked.append(given)

    def note_gate(_: nn.Module, given: tuple[Any, ...], answer: torch.Tensor) -> None:
        gates.append(answer.sigmoid())

    hooks = (module.register_forward_pre_hook(note_input), module.gate.register_forward_hook(note_gate))
    try:
        graph(torch.from_numpy(raw)[None], graph.summarise(torch.from_numpy(glance)[None]), torch.from_numpy(place))
    finally:
        for hook in hooks:
            hook.remove()
    weights = module.attention(*asked[0])[0].T.reshape(-1, *asked[0][0].shape[2:])
    return weights.double().numpy(), gates[0][0].mean(dim=0).double().numpy()
