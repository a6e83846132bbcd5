"""The training loop: draw, step, average; report, and keep checkpoints that a killed run continues from."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from geoglm.errors import TrainingError
from geoglm.nn.recompute import activations_aside, recompute
from geoglm.nn.segmenter import Segmenter
from geoglm.train.checkpoint import Learner
from geoglm.train.curriculum import PLAIN, Stage, scales_at, stage_at
from geoglm.train.logs import Progress, TrainingLog, Verdict
from geoglm.train.losses import resolution_weights
from geoglm.train.parallel import distributed, own_parts, rank, told_by_first
from geoglm.train.samples import Batch, Moment

CHECKPOINT = "checkpoint.pt"
INDIFFERENT = ("checkpoint_every_s", "recompute", "offload")
"""What of a schedule may be changed when a training is resumed."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Args:
        steps: of the optimiser.
        batch: samples of a part; a step sees `parts` of them, spread over the processes that train together.
        parts: of a step's batch, each drawn by random numbers of its own.
        side_px: of the crops.
        peak_rate: learning rate at the top of the one cycle (Smith and Topin 2019, arXiv 1708.07120).
        encoder_rate: factor on it for the encoder; 0 freezes it, its BatchNorm statistics too.
        weight_decay: AdamW's (Loshchilov and Hutter 2019, arXiv 1711.05101).
        clip: largest norm of the gradient.
        averaging: share of the weights' moving average that stays after a step.
        seed: of all random numbers.
        report_every: steps between validations.
        patience: reports without a better score after which training stops and the best average is taken;
            0 goes on to the end and takes the last.
        checkpoint_every_s: seconds between checkpoints, beside those at every report.
        bf16: run the network in bfloat16 where that is safe (autocast); weights stay float32.
        recompute: compute the activations within a `Segmenter`'s stages twice rather than keep them.
        offload: put the activations that are kept aside until they are needed; see `geoglm.nn.recompute`.
    """

    steps: int = 4500
    batch: int = 6
    parts: int = 1
    side_px: int = 320
    peak_rate: float = 1.5e-3
    encoder_rate: float = 0.3
    weight_decay: float = 0.02
    clip: float = 1.0
    averaging: float = 0.998
    seed: int = 1
    report_every: int = 250
    patience: int = 0
    checkpoint_every_s: float = 180.0
    bf16: bool = False
    recompute: bool = False
    offload: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "parts", "side_px", "report_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    def reports_after(self, step: int) -> bool:
        """Whether validation follows `step`, counted from 0."""
        return (step + 1) % self.report_every == 0 or step + 1 == self.steps


def signed(pixels: Tensor) -> Tensor:
    """0…1 to −1…1, what encoders from ImageNet with mean and std of 0.5 were fed."""
    return pixels * 2 - 1


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is learnt, and how.

    Args:
        draw: the samples of a moment, a function of its random numbers and the moment alone; runs in a thread
            beside the network.
        loss: logits ``(n, class, y, x)`` float32 and the batch to a scalar; see `geoglm.train.losses`.
        validate: the average network, in evaluation mode, to what there is to say about it.
        prepare: pixels in units of full scale to the network's input; for glances too.
        curriculum: its stages.
    """

    schedule: Schedule
    draw: Callable[[np.random.Generator, Moment], Batch]
    loss: Callable[[Tensor, Batch], Tensor]
    validate: Callable[[nn.Module], Verdict]
    prepare: Callable[[Tensor], Tensor] = signed
    curriculum: Sequence[Stage] = PLAIN

    def terms(self) -> dict[str, str]:
        """Everything that is plain in it and decides the course of a training, by name."""
        kept = {k: v for k, v in asdict(self.schedule).items() if k not in INDIFFERENT}
        return {k: str(v) for k, v in kept.items()} | {"curriculum": str(tuple(self.curriculum))}


class Viewer(nn.Module):
    """A network with its look at the scene: crops, glances and places in, logits out."""

    def __init__(self, network: nn.Module, prepare: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network = network
        self.prepare = prepare
        self.looks = bool(getattr(network, "summary_size", 0))

    def forward(self, pixels: Tensor, glances: Tensor | None, places: Tensor | None) -> Tensor:
        """Pixels in units of full scale to ``(n, class, y, x)`` logits.

        Raises:
            ValueError: the network wants to see the whole scene, and the samples bring no glance.
        """
        image = self.prepare(pixels).to(memory_format=torch.channels_last)
        logits: Tensor = self.network(image, *(self._seen(glances, places) if self.looks else ()))
        return logits

    def _seen(self, glances: Tensor | None, places: Tensor | None) -> tuple[Tensor, Tensor]:
        if glances is None or places is None:
            raise ValueError("this network looks at the whole scene; draw samples with glance_px above 0")
        return self.network.summarise(self.prepare(glances)), places  # type: ignore[operator]


def train(
    network: nn.Module,
    plan: TrainingPlan,
    *,
    folder: Path,
    progress: Callable[[Progress], None] = lambda _: None,
) -> nn.Module:
    """Train `network` in place, on the device where it is, and return the moving average of its weights.

    Processes that `geoglm.train.parallel.launch` started call this together, each with the same network and plan.

    Args:
        folder: for the checkpoint, which is continued from if it exists, the log and the pictures.
        progress: is told after every step.

    Raises:
        TrainingError: the parts of a batch cannot be shared out among the processes, or `recompute` is asked for
            and the network is no `Segmenter`.
        CheckpointMismatch: the checkpoint in `folder` is of a training on other terms.
    """
    schedule = plan.schedule
    learner = _learner(network, schedule)
    learner.resume(folder / CHECKPOINT, plan.terms())
    network.to(memory_format=torch.channels_last)
    if schedule.recompute:
        if not isinstance(network, Segmenter):
            raise TrainingError(f"{type(network).__name__} has no stages to compute twice; train without recompute")
        recompute(network)
    model = distributed(Viewer(network, plan.prepare))
    diary = _Diary(learner, plan, folder, progress) if rank() == 0 else None
    with ThreadPoolExecutor(1) as drawer:
        coming = _draw_ahead(drawer, plan, learner)
        while learner.step < schedule.steps and not (0 < schedule.patience <= learner.stale):
            reports = schedule.reports_after(learner.step)
            batch = coming.result()
            if not reports:
                coming = _draw_ahead(drawer, plan, learner, steps=1)
            done = _step(model, learner, plan, batch)
            if reports:
                done = replace(done, verdict=_judge(learner, plan))
                coming = _draw_ahead(drawer, plan, learner)  # not before: a curriculum may follow the verdict
            if diary is not None:
                diary.note(done)
    if diary is not None:
        diary.log.close()
    if learner.best is not None:
        learner.average.load_state_dict(learner.best)
    return learner.average


class _Diary:
    """What the process of rank 0 keeps of a training: tables, pictures, checkpoints."""

    def __init__(
        self, learner: Learner, plan: TrainingPlan, folder: Path, progress: Callable[[Progress], None]
    ) -> None:
        self.learner, self.plan, self.progress = learner, plan, progress
        self.checkpoint = folder / CHECKPOINT
        self.log = TrainingLog(folder, step=learner.step)
        self.saved = time.monotonic()

    def note(self, done: Progress) -> None:
        """One step, and what validation found if it followed."""
        self.log.step(done)
        if done.verdict is not None:
            self.log.report(done.step, done.verdict)
        if done.verdict is not None or time.monotonic() - self.saved > self.plan.schedule.checkpoint_every_s:
            self.learner.save(self.checkpoint, self.plan.terms())
            self.saved = time.monotonic()
        self.progress(done)


def _learner(network: nn.Module, schedule: Schedule) -> Learner:
    """A network that has learnt nothing yet, its optimiser and its average."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        factor = schedule.encoder_rate if name.startswith("encoder.") else 1.0
        parameter.requires_grad_(factor > 0)
        if factor > 0:
            groups.setdefault(schedule.peak_rate * factor, []).append(parameter)
    optimiser = torch.optim.AdamW([{"params": g} for g in groups.values()], weight_decay=schedule.weight_decay)
    total = schedule.steps + 1
    rise = max(0.1, 2 / total)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=list(groups), total_steps=total, pct_start=rise)
    return Learner(network, optimiser, pace, copy.deepcopy(network).eval())


def _draw_ahead(drawer: ThreadPoolExecutor, plan: TrainingPlan, learner: Learner, *, steps: int = 0) -> Future[Batch]:
    """Begin to draw this process's part of the batch `steps` ahead.

    It is a function of seed, step and latest scores, so that a resumed run repeats it.
    """
    schedule, step = plan.schedule, learner.step + steps
    stage = stage_at(plan.curriculum, step, schedule.steps)
    moment = Moment(step, schedule.batch, schedule.side_px, scales_at(stage, learner.scores))
    seeds = [(schedule.seed, step, part) for part in own_parts(schedule.parts)]

    def drawn() -> Batch:
        batch = Batch.joined([plan.draw(np.random.default_rng(s), moment) for s in seeds])
        return batch.weighted(resolution_weights(batch.scales)) if stage.weighted else batch

    return drawer.submit(drawn)


def _step(model: nn.Module, learner: Learner, plan: TrainingPlan, batch: Batch) -> Progress:
    """One step of the optimiser."""
    schedule, network, began = plan.schedule, learner.network, time.monotonic()
    torch.manual_seed((schedule.seed * 1000 + rank()) * 1_000_003 + learner.step)  # dropout repeats in a resumed run
    network.train()
    if schedule.encoder_rate == 0 and isinstance(encoder := getattr(network, "encoder", None), nn.Module):
        encoder.eval()
    batch = batch.to(next(network.parameters()).device)
    lean = activations_aside() if schedule.offload else nullcontext()
    with lean, torch.autocast(batch.pixels.device.type, torch.bfloat16, enabled=schedule.bf16):
        logits = model(batch.pixels, batch.glances, batch.places)
    loss = plan.loss(logits.float(), batch)
    learner.optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
    rate = max(float(r) for r in learner.pace.get_last_lr())
    learner.optimiser.step()
    learner.pace.step()
    learner.step += 1
    learner.follow(min(schedule.averaging, learner.step / (learner.step + 9)))
    stage = stage_at(plan.curriculum, learner.step - 1, schedule.steps).name
    seconds = round(time.monotonic() - began, 4)
    return Progress(learner.step, schedule.steps, stage, float(loss.detach()), rate, seconds)


def _judge(learner: Learner, plan: TrainingPlan) -> Verdict:
    """Validate in the process of rank 0, and let all processes draw the same conclusions."""
    found = plan.validate(learner.average.eval()) if rank() == 0 else Verdict(0.0)
    score, scores = told_by_first((found.score, dict(found.by_resolution)))
    learner.scores = scores
    if plan.schedule.patience:
        learner.judge(score)
    return found
