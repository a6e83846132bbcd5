"""Two processes train as one does on the whole batch: loss by loss, weight by weight, BatchNorm included."""

import csv
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from geoglm.errors import TrainingError
from geoglm.train import parallel
from geoglm.train.curriculum import THREE_STAGES
from geoglm.train.logs import Verdict
from geoglm.train.loop import Schedule, TrainingPlan, train
from geoglm.train.losses import LossSpec, segmentation_loss
from geoglm.train.parallel import SharedBatchNorm, launch, own_parts, rank, share_statistics
from geoglm.train.samples import UNLABELLED, Batch, Moment, SampleSet, draw_crops
from tests.train.scenes import coded_image

LOSS = LossSpec((("cross_entropy", 1.0), ("dice", 0.5), ("lovasz", 0.5), ("exclusion", 0.1)), excluded=0)


class Tiny(nn.Module):
    """Convolutions with BatchNorm, and a layer that no answer depends on."""

    def __init__(self) -> None:
        super().__init__()
        first, second = (nn.Conv2d(c, 8, 3, padding=1, bias=False) for c in (3, 8))
        self.body = nn.Sequential(
            first, nn.BatchNorm2d(8), nn.ReLU(), second, nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1)
        )
        self.unused = nn.Linear(2, 2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.body(image)
        return logits


def tiny_network() -> Tiny:
    torch.manual_seed(0)
    return Tiny()


def draw(samples: SampleSet, rng: np.random.Generator, now: Moment) -> Batch:
    """Crops of which some are hardly labelled, so that the processes hold unlike numbers of labelled pixels."""
    batch = Batch.of(draw_crops([samples], rng, now))
    for labels in batch.labels:
        labels[int(rng.integers(2, now.side_px)) :] = UNLABELLED
    return batch


def train_to(folder: Path) -> None:
    """The training under test; every process calls it."""
    samples = SampleSet([coded_image()], (0.8, 1.25), share=1.0)
    verdicts = iter([0.5, 0.7])
    plan = TrainingPlan(
        Schedule(steps=12, batch=2, parts=2, side_px=24, report_every=6, peak_rate=0.003, patience=5),
        draw=partial(draw, samples),
        loss=partial(segmentation_loss, spec=LOSS),
        validate=lambda _: Verdict(next(verdicts), by_resolution={0.5: 0.4, 1.0: 0.6, 2.0: 0.6}),
        curriculum=THREE_STAGES,
    )
    network = tiny_network()
    average = train(network, plan, folder=folder)
    torch.save([average.state_dict(), network.state_dict()], folder / f"process-{rank()}.pt")


def test_two_processes_train_as_one_does_on_the_doubled_batch(tmp_path: Path) -> None:
    for count in (1, 2):
        launch(train_to, count, tmp_path / f"{count}")
    alone, together = (
        [float(r["loss"]) for r in csv.DictReader((tmp_path / f"{n}" / "steps.csv").read_text().splitlines())]
        for n in (1, 2)
    )
    assert len(alone) == 12
    assert max(abs(a - b) for a, b in zip(alone, together, strict=True)) < 1e-4
    assert alone[3] < alone[0] - 0.01  # before the curriculum changes what is drawn
    one = torch.load(tmp_path / "1" / "process-0.pt")
    for process in (0, 1):
        other = torch.load(tmp_path / "2" / f"process-{process}.pt")
        for ours, theirs in zip(one, other, strict=True):
            assert list(ours) == list(theirs)
            for name, value in ours.items():
                assert torch.allclose(value.float(), theirs[name].float(), atol=1e-4), name


def test_shared_batchnorm_alone_is_batchnorm_torch_s_and_timm_s() -> None:
    from timm.layers import BatchNormAct2d  # slow, and the processes above can do without

    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), BatchNormAct2d(4, act_layer=nn.Tanh))
    names, image = list(network.state_dict()), torch.randn(2, 3, 8, 8)
    before = network(image)
    share_statistics(network)
    assert sum(isinstance(m, SharedBatchNorm) for m in network.modules()) == 2
    assert list(network.state_dict()) == names
    assert torch.allclose(network(image), before, atol=1e-6)
    assert torch.allclose(SharedBatchNorm(nn.BatchNorm2d(3))._shared(image), nn.BatchNorm2d(3)(image), atol=1e-5)


def test_parts_that_cannot_be_shared_out_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "processes", lambda: 2)
    with pytest.raises(TrainingError, match="3 parts"):
        own_parts(3)


def test_processes_that_torchrun_started_find_each_other() -> None:
    """The sum over processes, and its gradient: each uses the sum, so each part counts once for every process."""
    code = """
import torch
from geoglm.train.parallel import everywhere, joined, processes, rank, told_by_first
with joined():
    part = torch.tensor(rank() + 1.0, requires_grad=True)
    whole = everywhere(part) ** 2
    whole.backward()
    print(processes(), told_by_first(rank()), float(whole.detach()), float(part.grad))
print(processes())
"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            env=os.environ | common | {"RANK": str(k), "LOCAL_RANK": str(k)},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        for k in range(2)
    ]
    for process in started:
        said, _ = process.communicate(timeout=240)
        assert said.split() == ["2", "0", "9.0", "12.0", "1"]
