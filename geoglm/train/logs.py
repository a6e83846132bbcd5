"""What a training tells while it runs: tables, pictures, and TensorBoard where it is installed."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS, SCORES = "steps.csv", "scores.csv"
STEP_COLUMNS = ("step", "stage", "loss", "rate", "seconds")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validation found.

    Args:
        score: by which trainings are compared and stopped; higher is better.
        by_class: score of each class, by name.
        by_resolution: score at each magnification, for a curriculum that is focused.
        pictures: ``(y, 3·x, 3)`` uint8, see `side_by_side`; all of one width.
    """

    score: float
    by_class: Mapping[str, float] = field(default_factory=dict)
    by_resolution: Mapping[float, float] = field(default_factory=dict)
    pictures: Sequence[NDArray[np.uint8]] = ()

    def as_row(self) -> dict[str, float]:
        """Every number by the name of its column."""
        return {"score": self.score} | dict(self.by_class) | {f"{k:g}x": v for k, v in self.by_resolution.items()}

    def __str__(self) -> str:
        return " ".join(f"{k} {v:.3f}" for k, v in self.as_row().items())


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is.

    Args:
        step: steps done, of `steps`.
        stage: of the curriculum.
        loss: of the last step.
        rate: learning rate of the last step, the highest of all parameters'.
        seconds: that the last step took.
        verdict: where the last step was reported on.
    """

    step: int
    steps: int
    stage: str
    loss: float
    rate: float
    seconds: float
    verdict: Verdict | None = None


class TrainingLog:
    """Tables ``steps.csv`` and ``scores.csv``, ``pictures/`` and ``tensorboard/`` in a folder.

    Args:
        folder: is made if needed.
        step: from which the training goes on; rows beyond it, of a run that was killed later, are dropped.
    """

    def __init__(self, folder: Path, *, step: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in (STEPS, SCORES):
            _keep_rows(folder / name, step)
        self._board: Any = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def step(self, done: Progress) -> None:
        """One step."""
        _append(self.folder / STEPS, {name: getattr(done, name) for name in STEP_COLUMNS})
        if self._board is not None:
            for name in ("loss", "rate"):
                self._board.add_scalar(name, getattr(done, name), done.step)

    def report(self, step: int, verdict: Verdict) -> None:
        """What validation found after `step` steps."""
        _append(self.folder / SCORES, {"step": str(step), **verdict.as_row()})
        picture = np.concatenate(list(verdict.pictures)) if verdict.pictures else None
        if picture is not None:
            _save_picture(self.folder / "pictures" / f"step-{step:06}.png", picture)
        if self._board is not None:
            for name, value in verdict.as_row().items():
                self._board.add_scalar(f"validation/{name}", value, step)
            if picture is not None:
                self._board.add_image("validation", picture, step, dataformats="HWC")
            self._board.flush()

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._board is not None:
            self._board.close()


def side_by_side(
    pixels: NDArray[np.generic],
    labels: NDArray[np.uint8],
    found: NDArray[np.integer[Any]],
    *,
    colours: Sequence[str],
    bands: tuple[int, int, int] = (0, 1, 2),
) -> NDArray[np.uint8]:
    """Image, truth and prediction as one picture ``(y, 3·x, 3)`` uint8.

    Args:
        pixels: ``(band, y, x)``; shown from their 1st to their 99th percentile.
        labels: ``(y, x)``; what is no class is black.
        found: ``(y, x)`` class ids.
        colours: of the classes, six hexadecimal digits each.
        bands: shown as red, green and blue; of fewer than three bands the first is shown as grey.
    """
    shown = pixels[list(bands) if max(bands) < len(pixels) else [0, 0, 0]].astype(np.float32)
    low, high = np.percentile(shown, (1, 99))
    image = ((shown - low) / max(float(high - low), 1e-6) * 255).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = [list(bytes.fromhex(c.lstrip("#"))) for c in colours]
    return np.concatenate([image, table[labels], table[found.astype(np.uint8)]], axis=1)


def _save_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    from PIL import Image

    path.parent.mkdir(exist_ok=True)
    Image.fromarray(picture).save(path)


def _append(path: Path, row: Mapping[str, float | str]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.DictWriter(file, list(row))
        if new:
            table.writeheader()
        table.writerow(row)


def _keep_rows(path: Path, step: int) -> None:
    """Leave only whole rows up to `step`."""
    if not path.exists():
        return
    header, *rows = path.read_text().splitlines(keepends=True) or [""]
    kept = [r for r in rows if r.endswith("\n") and int(r.split(",", 1)[0]) <= step]
    if kept:
        path.write_text("".join([header, *kept]))
    else:
        path.unlink()
