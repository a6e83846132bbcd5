"""What training costs: activation bytes and seconds a step, plain and lean, in one process and in two.

``python benchmarks/training.py [--side PX] [--batch N] [--steps N]``. The network is `aerial-landcover`'s, with random
weights, on random pixels: neither changes what it costs. Dropout is off: each process has random numbers of its own.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.profiler import profile

from geoglm.nn.recompute import activations_aside, recompute
from geoglm.nn.segmenter import Segmenter, SegmenterSpec
from geoglm.train.logs import STEPS, Verdict
from geoglm.train.loop import Schedule, TrainingPlan, train
from geoglm.train.losses import LossSpec, segmentation_loss
from geoglm.train.parallel import launch
from geoglm.train.samples import Batch, Moment

SPEC = SegmenterSpec(encoder="tu-tf_efficientnet_lite0", bands=3, classes=5)
LEAN = {
    "plain": {},
    "recompute": {"recompute": True},
    "offload": {"offload": True},
    "both": {"recompute": True, "offload": True},
}


@dataclass(frozen=True)
class Course:
    """A short training, small enough to be sent to other processes."""

    schedule: Schedule

    def run(self, folder: Path) -> None:
        """Train; the log in `folder` tells how long each step took."""
        torch.manual_seed(0)
        network = without_dropout()
        loss = partial(segmentation_loss, spec=LossSpec())
        train(network, TrainingPlan(self.schedule, noise, loss, lambda _: Verdict(0.0)), folder=folder)


def without_dropout() -> Segmenter:
    """The network, fresh; two processes and one can give the same only if no layer draws random numbers."""
    network = Segmenter(SPEC)
    for module in network.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
    return network


def noise(rng: np.random.Generator, now: Moment) -> Batch:
    """Random pixels with random labels."""
    pixels = torch.from_numpy(rng.random((now.samples, SPEC.bands, now.side_px, now.side_px), dtype=np.float32))
    labels = torch.from_numpy(rng.integers(0, SPEC.classes, (now.samples, now.side_px, now.side_px)))
    return Batch(pixels, labels, torch.ones(now.samples), torch.ones(now.samples))


def held_bytes(schedule: Schedule) -> int:
    """Memory that is allocated when the forward pass is done, above what was before it: all that backward needs."""
    network = Segmenter(SPEC).train()
    if schedule.recompute:
        recompute(network)
    image = torch.rand(schedule.batch, SPEC.bands, schedule.side_px, schedule.side_px)
    image = image.to(memory_format=torch.channels_last)
    with profile(profile_memory=True) as watched:
        if schedule.offload:
            with activations_aside():
                logits = network(image)
        else:
            logits = network(image)
    held = sum(event.self_cpu_memory_usage for event in watched.events())
    return int(held) - logits.nbytes


def gradients(schedule: Schedule) -> list[torch.Tensor]:
    """Of the loss of one batch, parameter by parameter."""
    torch.manual_seed(0)
    network = Segmenter(SPEC).train()
    if schedule.recompute:
        recompute(network)
    batch = noise(np.random.default_rng(0), Moment(0, schedule.batch, schedule.side_px))
    torch.manual_seed(1)
    segmentation_loss(network(batch.pixels * 2 - 1), batch, LossSpec()).backward()
    return [p.grad for p in network.parameters() if p.grad is not None]


def seconds_and_losses(schedule: Schedule, processes: int) -> tuple[float, list[float]]:
    """Median time of a step after the first two, and the loss of every step."""
    with tempfile.TemporaryDirectory() as folder:
        launch(Course(schedule).run, processes, Path(folder))
        rows = list(csv.DictReader((Path(folder) / STEPS).read_text().splitlines()))
    return statistics.median(float(r["seconds"]) for r in rows[2:]), [float(r["loss"]) for r in rows]


def table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    """A plain table."""
    made = Table(title=title)
    for k, name in enumerate(columns):
        made.add_column(name, justify="right" if k else "left")
    for row in rows:
        made.add_row(*row)
    return made


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--steps", type=int, default=5)
    asked = parser.parse_args()
    schedule = Schedule(asked.steps, asked.batch, side_px=asked.side, report_every=asked.steps)
    console = Console(width=120)

    rows, plain = [], 0
    for name, options in LEAN.items():
        lean = replace(schedule, **options)
        held = held_bytes(lean)
        plain = plain or held
        seconds, _ = seconds_and_losses(lean, 1)
        rows.append((name, f"{held / 2**20:.0f}", f"{100 * (held / plain - 1):+.0f} %", f"{seconds:.2f}"))
    size = f"{asked.batch} x {asked.side} px"
    console.print(table(f"one process, {size}", ("", "held after forward, MiB", "", "s/step"), rows))
    apart = max(
        float((a - b).abs().max())
        for a, b in zip(gradients(schedule), gradients(replace(schedule, recompute=True)), strict=True)
    )
    console.print(f"largest difference of a gradient with recompute: {apart:.1e}")

    rows, curves = [], []
    for processes in (1, 2):
        seconds, losses = seconds_and_losses(replace(schedule, parts=2), processes)
        curves.append(losses)
        rows.append((f"{processes}", f"{seconds:.2f}", f"{2 * asked.batch / seconds:.1f}"))
    console.print(table(f"2 parts of {size}", ("processes", "s/step", "samples/s"), rows))
    gaps = [abs(a - b) for a, b in zip(*curves, strict=True)]
    console.print("difference of the loss, step by step: " + " ".join(f"{g:.0e}" for g in gaps))


if __name__ == "__main__":
    main()
