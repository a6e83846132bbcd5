"""Memory of training: activations are computed twice, or put aside, rather than kept."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from geoglm.nn.segmenter import Segmenter
from geoglm.nn.windowed import WindowedEncoder


def recompute(network: Segmenter) -> None:
    """From now on, train `network` without keeping the activations within its stages.

    After Chen et al. 2016 (arXiv 1604.06174). Only what passes from stage to stage is kept; the backward pass computes
    the rest again. Gradients, names of weights and copies of the network stay as they are, dropout draws the same
    numbers, and BatchNorm counts each batch once. Evaluation and export are not touched.
    """
    for stage in _stages(network):
        stage.forward = partial(_run_or_rerun, stage)


def _stages(network: Segmenter) -> Iterator[nn.Module]:
    """Parts that are worth a second computation, none within another."""
    body = network.encoder.body
    if isinstance(body, WindowedEncoder):
        yield from chain.from_iterable(body.levels)  # type: ignore[arg-type]
    else:
        trunk = getattr(body, "model", body)  # timm's
        blocks = [part for part in trunk.children() if isinstance(part, nn.Sequential | nn.ModuleList)]
        for part in blocks:
            yield from part.children()
    yield network.fusion
    yield from network.pyramid.smooth
    if network.detail is not None:
        yield network.detail


def _run_or_rerun(stage: nn.Module, *inputs: Any) -> Any:
    plain = partial(type(stage).forward, stage)
    if not (stage.training and torch.is_grad_enabled()):
        return plain(*inputs)
    return checkpoint(plain, *inputs, use_reentrant=False, context_fn=partial(_once_counted, stage))


def _once_counted(stage: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What surrounds the first computation, nothing, and the second, which leaves running statistics alone."""
    return nullcontext(), _unchanged_statistics(stage)


@contextmanager
def _unchanged_statistics(stage: nn.Module) -> Iterator[None]:
    counting = (part for part in stage.modules() if isinstance(part, nn.BatchNorm2d))
    buffers = [buffer for part in counting for buffer in part.buffers()]
    before = [b.clone() for b in buffers]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)


@contextmanager
def activations_aside(*, least_bytes: int = 2**20) -> Iterator[None]:
    """While it lasts, what the forward pass saves is put aside: from a GPU into pinned memory, from memory onto disk.

    On a CPU they go to a file without a name in the temporary folder, which the system may write out when memory
    is short, and which is gone when the graph is. They come back bit by bit as they were.

    Args:
        least_bytes: smaller tensors stay where they are.
    """
    if torch.cuda.is_available():
        with save_on_cpu(pin_memory=True):
            yield
        return

    drawer = _Drawer()

    def put(kept: Tensor) -> Tensor | _Aside:
        return kept if kept.nbytes < least_bytes or isinstance(kept, nn.Parameter) else _Aside(kept, drawer)

    def fetch(kept: Tensor | _Aside) -> Tensor:
        return kept.fetch() if isinstance(kept, _Aside) else kept

    with saved_tensors_hooks(put, fetch):
        yield


class _Drawer:
    """A temporary file without a name, closed with the last reference to it."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile(prefix="geoglm-")  # noqa: SIM115
        weakref.finalize(self, self.file.close)


class _Aside:
    """A tensor's bytes in a drawer, in the order in which they lay in memory where it was dense."""

    def __init__(self, kept: Tensor, drawer: _Drawer) -> None:
        dense = kept.is_contiguous() or kept.is_contiguous(memory_format=torch.channels_last)
        kept = kept.detach() if dense else kept.detach().contiguous()
        self.shape, self.stride, self.dtype, self.drawer = kept.shape, kept.stride(), kept.dtype, drawer
        self.first = drawer.file.seek(0, os.SEEK_END)
        flat = kept.as_strided((kept.numel(),), (1,), kept.storage_offset())
        drawer.file.write(flat.view(torch.uint8).numpy().data)

    def fetch(self) -> Tensor:
        """The tensor as it was."""
        flat = torch.empty(self.shape.numel(), dtype=self.dtype)
        self.drawer.file.seek(self.first)
        self.drawer.file.readinto(flat.view(torch.uint8).numpy().data)
        return flat.as_strided(self.shape, self.stride)


def saved_activation_bytes(network: nn.Module, *inputs: Tensor) -> int:
    """How many bytes the graph of ``network(*inputs)`` holds for its backward pass, each piece of memory once.

    Weights, buffers and `inputs` do not count: they are there anyway.
    """
    there = {t.untyped_storage().data_ptr() for t in chain(network.parameters(), network.buffers(), inputs)}
    kept: dict[int, Tensor] = {}

    def note(saved: Tensor) -> Tensor:
        kept.setdefault(saved.untyped_storage().data_ptr(), saved)
        return saved

    with saved_tensors_hooks(note, lambda saved: saved):
        network(*inputs)
    return sum(saved.untyped_storage().nbytes() for place, saved in kept.items() if place not in there)
