"""The state of a training, and the file from which a killed run goes on as if nothing had happened."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from geoglm.errors import CheckpointMismatch


@dataclass
class Learner:
    """Everything that changes while a network learns.

    Random numbers need no place here: those of a step are a function of the seed and the step.

    Args:
        network: being trained.
        optimiser, pace: AdamW and the learning rate's schedule.
        average: the moving average of the network's weights, which is what training is for.
        step: steps done.
        best: the average's weights at its best report, kept only where training can stop early.
        best_score: the validation score then.
        stale: reports since then.
        scores: the latest validation scores by magnification.
    """

    network: nn.Module
    optimiser: torch.optim.Optimizer
    pace: torch.optim.lr_scheduler.LRScheduler
    average: nn.Module
    step: int = 0
    best: dict[str, Tensor] | None = None
    best_score: float = -float("inf")
    stale: int = 0
    scores: dict[float, float] = field(default_factory=dict)

    def save(self, path: Path, terms: Mapping[str, Any]) -> None:
        """Write `path` so that it is at any time the old state or the new one, whole.

        Args:
            terms: plain values on which the course of the training depends.
        """
        state = {
            "terms": dict(terms),
            "parts": {n: p.state_dict() for n, p in self._parts().items()},
            "counters": {"step": self.step, "best_score": self.best_score, "stale": self.stale},
            "scores": self.scores,
            "best": self.best,
        }
        draft = path.with_suffix(".new")
        with draft.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def resume(self, path: Path, terms: Mapping[str, Any]) -> None:
        """Take up the state in `path`, if there is one.

        Raises:
            CheckpointMismatch: it is of a training on other terms, or of another network.
        """
        if not path.exists():
            return
        saved = torch.load(path, weights_only=True, map_location="cpu")
        for name, value in terms.items():
            if saved["terms"].get(name) != value:
                raise CheckpointMismatch(path, f"{name} {saved['terms'].get(name)}", str(value))
        ours = {n: v.shape for n, v in self.network.state_dict().items()}
        if ours != {n: v.shape for n, v in saved["parts"]["network"].items()}:
            raise CheckpointMismatch(path, "another network", "this one")
        for name, part in self._parts().items():
            part.load_state_dict(saved["parts"][name])
        counters = saved["counters"]
        self.step, self.best_score, self.stale = counters["step"], counters["best_score"], counters["stale"]
        self.scores, self.best = saved["scores"], saved["best"]

    def _parts(self) -> dict[str, Any]:
        return {"network": self.network, "average": self.average, "optimiser": self.optimiser, "pace": self.pace}

    @torch.no_grad()
    def follow(self, keep: float) -> None:
        """Move the average towards the network, BatchNorm's running statistics too.

        Args:
            keep: 0…1, how much of the average stays.
        """
        for old, new in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.lerp_(new, 1 - keep)
            else:
                old.copy_(new)

    def judge(self, score: float) -> None:
        """Remember the average if it has never been better."""
        self.stale += 1
        if score > self.best_score:
            self.best, self.best_score, self.stale = copy.deepcopy(self.average.state_dict()), score, 0
