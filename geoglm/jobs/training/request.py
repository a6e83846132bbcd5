"""What a training is asked for, and what came of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from geoglm.errors import TrainingError
from geoglm.io.geotiff import scene_files
from geoglm.jobs.manifest import quick_key
from geoglm.registry.package import ModelPackage
from geoglm.version import __version__


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What is to be learnt, and how.

    Args:
        scenes: rasters.
        labels: one file for all scenes, or one for each: class rasters, or polygons in any CRS.
        class_field: column of the class, for polygons; None to take the only one with text.
        base: name or folder of the model to go on from; None to begin from nothing.
        name: of the new model; empty for that of its folder.
        minutes: that training may take.
        steps: of the optimiser, instead of `minutes`.
        bands: scene bands to use, counted from 1; None to find the base's by name, or to take all.
        scale: pixel value that counts as full scale, or ``auto``; None where the dtype says it.
        fusion, encoder: parts of the network by name; None for the base's, or the usual ones.
        seed: of all random choices.
        validate: hold back blocks of labels and measure accuracy on them.
        processes: that train together.
    """

    scenes: tuple[Path, ...]
    labels: tuple[Path, ...]
    class_field: str | None = None
    base: str | None = None
    name: str = ""
    minutes: float = 4.0
    steps: int | None = None
    bands: tuple[int, ...] | None = None
    scale: float | str | None = None
    fusion: str | None = None
    encoder: str | None = None
    seed: int = 1
    validate: bool = True
    processes: int = 1

    def __post_init__(self) -> None:
        if not self.scenes or not self.labels:
            raise TrainingError("training needs at least one scene and one file of labels")
        if len(self.labels) not in (1, len(self.scenes)):
            raise TrainingError(
                f"{len(self.labels)} label files for {len(self.scenes)} scenes; give one for all, or one for each"
            )
        if not 0 < self.minutes < 60 * 24 * 30:
            raise TrainingError(f"minutes {self.minutes:g} is no time to train; try 4")
        if self.steps is not None and self.steps < 1:
            raise TrainingError(f"steps {self.steps} is too few; leave it out, or give at least 1")
        if self.processes < 1:
            raise TrainingError(f"processes {self.processes} is too few; 1 is usual")
        if self.encoder is not None and self.base is not None:
            raise TrainingError(
                f"--encoder {self.encoder} and --from {self.base}: the encoder is kept; give one of both"
            )

    def key(self, base: ModelPackage | None) -> str:
        """Changes when anything does that the outcome depends on."""
        files = [f for s in self.scenes for f in scene_files(s)] + list(self.labels)
        facts = {k: str(v) for k, v in asdict(self).items() if k != "name"}
        known = [__version__, facts, quick_key(files), None if base is None else base.key]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ClassScore:
    """What is known of one class: labels, and IoU on the held-back ones; `before` is the base model's."""

    name: str
    colour: str
    training_px: int
    validation_px: int
    iou: float | None
    before: float | None


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What came of a training.

    Args:
        folder: of the package.
        log: folder with tables and pictures of the training.
        classes: every class.
        miou, overall_accuracy: on the held-back labels; None where nothing could be held back.
        steps: of the optimiser.
        seconds: phase → duration.
        notes: what the user should know.
    """

    folder: Path
    log: Path
    classes: tuple[ClassScore, ...]
    miou: float | None
    overall_accuracy: float | None
    steps: int
    seconds: dict[str, float]
    notes: tuple[str, ...]
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def package(self) -> ModelPackage:
        """The new model."""
        return ModelPackage.open(self.folder)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "folder": str(self.folder),
            "log": str(self.log),
            "classes": [asdict(c) for c in self.classes],
            "miou": self.miou,
            "overall_accuracy": self.overall_accuracy,
            "steps": self.steps,
            "seconds": {k: round(v, 1) for k, v in self.seconds.items()},
            "notes": list(self.notes),
            "metrics": self.metrics,
        }
