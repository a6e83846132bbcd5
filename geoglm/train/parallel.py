"""Several processes that train one network, each on its part of every batch, as one process would on the whole.

Every mean that a loss takes, and BatchNorm's, is over the samples of all processes. Gradients are averaged by
DistributedDataParallel (Li et al. 2020, arXiv 2006.15704) in buckets, while the backward pass still goes on.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.multiprocessing.spawn import start_processes

from geoglm.errors import TrainingError

PATIENCE = timedelta(hours=2)
"""How long processes wait for the one that validates."""


def processes() -> int:
    """How many train together; 1 outside of `launch` and `joined`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is; the one of rank 0 validates, logs and keeps the checkpoint."""
    return dist.get_rank() if processes() > 1 else 0


def launch(work: Callable[..., None], count: int, *args: Any) -> None:
    """Call ``work(*args)`` in `count` new processes of this machine, which train together, and wait for them.

    With as many GPUs or more each process has one as its current device. Cores are shared out evenly.

    Args:
        work: a function of a module, so that it can be sent to another process; so must be `args`.

    Raises:
        torch.multiprocessing.ProcessRaisedException: one of them failed; the others are ended.
    """
    if count == 1:
        work(*args)
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder) / "meeting").as_uri()
        threads = max(cores // count, 1)
        start_processes(_enter, (count, meeting, threads, work, args), nprocs=count)  # type: ignore[no-untyped-call]


def _enter(this: int, count: int, meeting: str, threads: int, *job: Any) -> None:
    torch.set_num_threads(threads)
    work, args = job
    with _group(this, count, meeting, local=this):
        work(*args)


@contextmanager
def joined() -> Iterator[None]:
    """Train together with the processes that ``torchrun`` started beside this one; alone where it did not."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or processes() > 1:
        yield
        return
    with _group(int(os.environ["RANK"]), count, "env://", local=int(os.environ.get("LOCAL_RANK", "0"))):
        yield


@contextmanager
def _group(this: int, count: int, meeting: str, *, local: int) -> Iterator[None]:
    on_gpu = torch.cuda.is_available() and torch.cuda.device_count() > local
    if on_gpu:
        torch.cuda.set_device(local)
    backend = "nccl" if on_gpu else "gloo"
    dist.init_process_group(backend, init_method=meeting, rank=this, world_size=count, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def own_parts(parts: int) -> range:
    """Which of the `parts` of a batch this process draws.

    Raises:
        TrainingError: they cannot be shared out evenly.
    """
    if parts % processes():
        raise TrainingError(
            f"{parts} parts of a batch cannot be shared out among {processes()} processes; give a multiple of them"
        )
    return range(rank(), parts, processes())


Told = TypeVar("Told")


def told_by_first(value: Told) -> Told:
    """The `value` of the process of rank 0."""
    if processes() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box)
    return box[0]


def distributed(model: nn.Module) -> nn.Module:
    """`model`, its gradients averaged over all processes and its BatchNorm over all their samples.

    Where there is one process it is returned as it is.
    """
    if processes() == 1:
        return model
    share_statistics(model)
    device = next(model.parameters()).device
    return nn.parallel.DistributedDataParallel(
        model,
        device_ids=[device] if device.type == "cuda" else None,
        gradient_as_bucket_view=True,
        static_graph=True,  # parameters that an encoder does not use are found in the first step
    )


class _Sum(torch.autograd.Function):
    """The sum over all processes; so is its gradient, since every process uses the sum."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        whole = part.clone()
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        whole = grads[0].clone()
        dist.all_reduce(whole)
        return whole


def everywhere(part: Tensor) -> Tensor:
    """The sum of `part` over all processes, differentiable; `part` itself where there is one process.

    A loss made of such sums is the same number in every process. Its gradient then comes out as many times too
    large as there are processes, and the mean that DistributedDataParallel takes makes it right.
    """
    return _Sum.apply(part) if processes() > 1 else part


class SharedBatchNorm(nn.BatchNorm2d):
    """BatchNorm whose mean and variance are those of the samples of all processes, on CPUs too.

    torch's SyncBatchNorm does the same on GPUs alone. Takes over parameters, buffers and their names, and what
    timm's normalisation layers do afterwards (drop and activation).
    """

    def __init__(self, old: nn.modules.batchnorm._BatchNorm) -> None:
        super().__init__(old.num_features, old.eps, old.momentum, old.affine, old.track_running_stats)
        self._parameters, self._buffers = old._parameters, old._buffers
        self.train(old.training)
        follow = (getattr(old, name, None) for name in ("drop", "act"))
        self.after = nn.Sequential(*(m for m in follow if isinstance(m, nn.Module)))

    def _check_input_dim(self, input: Tensor) -> None:  # any number of dimensions will do
        pass

    def forward(self, input: Tensor) -> Tensor:
        """``(n, channel, …)`` to the same shape."""
        shared = self.training and processes() > 1
        result: Tensor = self.after(self._shared(input) if shared else super().forward(input))
        return result

    def _shared(self, input: Tensor) -> Tensor:
        values = input.float()
        axes = [k for k in range(values.dim()) if k != 1]
        count = everywhere(torch.tensor(float(values.numel() // values.shape[1]), device=values.device))
        shape = [1, -1, *[1] * (values.dim() - 2)]
        mean = everywhere(values.sum(axes)) / count
        centred = values - mean.view(shape)
        variance = everywhere((centred * centred).sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * (count / (count - 1).clamp(min=1)))
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def share_statistics(model: nn.Module) -> None:
    """Replace every BatchNorm within `model` by a `SharedBatchNorm` that has its parameters and buffers."""
    for name, child in model.named_children():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            setattr(model, name, SharedBatchNorm(child))
        else:
            share_statistics(child)
