"""The training loop: draw, disturb, step, average; checkpoints that a killed run continues from."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from geoglm.train.augment import borrow_colours, disturb, mix_tiles
from geoglm.train.losses import segmentation_loss
from geoglm.train.samples import SampleSet


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn."""

    steps: int = 4500
    batch: int = 6
    side_px: int = 320
    peak_rate: float = 1.5e-3
    encoder_rate: float = 0.3
    weight_decay: float = 0.02
    averaging: float = 0.998
    seed: int = 1
    report_every: int = 250


def draw_batch(sets: Sequence[SampleSet], schedule: Schedule, step: int, *, water: int) -> tuple[Tensor, Tensor]:
    """The batch of `step`: a function of the seed and the step alone, so that a resumed run repeats it."""
    rng = np.random.default_rng((schedule.seed, step))
    shares = np.array([s.share for s in sets])
    owners = rng.choice(len(sets), size=schedule.batch, p=shares / shares.sum())
    crops = [sets[k].draw(rng, schedule.side_px) for k in owners]
    pixels = [c[0] for c in crops]
    for k, (_, labels) in enumerate(crops):
        if rng.random() < 0.25:
            pixels[k] = borrow_colours(pixels[k], crops[int(rng.integers(len(crops)))][0], float(rng.random()))
        pixels[k] = disturb(pixels[k], labels, rng, water=water)
    return mix_tiles(torch.stack(pixels), torch.stack([c[1] for c in crops]), rng)


def train(
    network: nn.Module,
    sets: Sequence[SampleSet],
    schedule: Schedule,
    *,
    class_weights: Tensor,
    building: int,
    water: int,
    checkpoint: Path,
    validate: Callable[[nn.Module], str],
) -> nn.Module:
    """Train `network` and return the moving average of its weights.

    Pixels are scaled to −1…1. A `checkpoint` that exists is continued from.
    """
    encoder = [p for n, p in network.named_parameters() if n.startswith("encoder.")]
    decoder = [p for n, p in network.named_parameters() if not n.startswith("encoder.")]
    optimiser = torch.optim.AdamW([{"params": encoder}, {"params": decoder}], weight_decay=schedule.weight_decay)
    rates = [schedule.peak_rate * schedule.encoder_rate, schedule.peak_rate]
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rates, total_steps=schedule.steps, pct_start=0.1)
    average = copy.deepcopy(network).eval()
    parts: dict[str, Any] = {"network": network, "average": average, "optimiser": optimiser, "pace": pace}
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        first = saved.pop("step")
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    network.to(memory_format=torch.channels_last).train()
    with ThreadPoolExecutor(1) as drawer:
        coming = drawer.submit(draw_batch, sets, schedule, first, water=water)
        began, seen = time.monotonic(), 0.0
        for step in range(first, schedule.steps):
            pixels, labels = coming.result()
            coming = drawer.submit(draw_batch, sets, schedule, step + 1, water=water)
            scaled = (pixels * 2 - 1).to(memory_format=torch.channels_last)
            loss = segmentation_loss(network(scaled), labels, class_weights, building=building)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            pace.step()
            _average(average, network, min(schedule.averaging, (step + 1) / (step + 10)))
            seen += float(loss.detach())
            if (step + 1) % schedule.report_every == 0 or step + 1 == schedule.steps:
                count = (step % schedule.report_every) + 1
                pause = (time.monotonic() - began) / (step + 1 - first)
                print(f"step {step + 1} loss {seen / count:.4f} {pause:.2f} s/step {validate(average)}", flush=True)
                seen = 0.0
                state = {n: p.state_dict() for n, p in parts.items()} | {"step": step + 1}
                torch.save(state, checkpoint.with_suffix(".new"))
                checkpoint.with_suffix(".new").replace(checkpoint)
    return average


@torch.no_grad()
def _average(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Exponential moving average of weights and of BatchNorm's running statistics."""
    for old, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - keep)
        else:
            old.copy_(new)
