"""The plan: everything decided about a segmentation before its first pixel is computed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from geoglm.io.source import Source
from geoglm.jobs.budget import run_bytes
from geoglm.jobs.cache import cache_folder
from geoglm.jobs.pace import recall
from geoglm.options import SegmentOptions
from geoglm.pixels.glance import glance_shape
from geoglm.pixels.scale import Scaling
from geoglm.registry.package import ModelPackage
from geoglm.tiling.patch import TileCost
from geoglm.tiling.shards import ShardLayout
from geoglm.version import __version__


@dataclass(frozen=True)
class SegmentPlan:
    """What will be done, and why; `describe` puts it into words.

    Args:
        source: of the pixels.
        package: model and card.
        options: as asked for.
        bands: indices of the scene bands for the model's bands, counted from 0.
        full_scale: pixel value that counts as 1, above `zero`.
        zero: pixel value that counts as 0.
        scaling: from the scene's pixel values to network input.
        layout: tiles and shards.
        halo: px around each core.
        reduce: pixels a side that are averaged into one for the network.
        blend_px: half-width of the fade between tiles; 0 for a cut.
        workers: threads.
        notes: lines the user should read.
        reasons: what was chosen → why.
    """

    source: Source
    package: ModelPackage
    options: SegmentOptions
    bands: tuple[int, ...]
    full_scale: float
    zero: float
    scaling: Scaling
    layout: ShardLayout
    halo: int
    reduce: int
    blend_px: int
    workers: int
    cost: TileCost
    notes: tuple[str, ...]
    reasons: dict[str, str]

    @cached_property
    def key(self) -> str:
        """What a shard's scores depend on besides the source: model, tiles, scaling. Not the workers."""
        facts = [
            __version__,
            self.package.key,
            [c.value for c in self.package.card.classes],
            self.bands,
            self.full_scale,
            self.zero,
            self.scaling.stretch,
            self.layout.grid.patch,
            self.halo,
            self.reduce,
            self.blend_px,
            self.layout.chunks,
            self.options.precision,
            self.device,
            self.options.probabilities,
            self.options.doubts,
            self.options.disagreement,
            self.options.resample,
            self.options.time_budget,
            None if self.options.aoi is None else _stamp(self.options.aoi),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    @property
    def fill(self) -> tuple[float, ...]:
        """The value of each band with which pixels without data are fed to the network."""
        return self.scaling.fill(self.full_scale)

    @property
    def device(self) -> str:
        """``cpu`` (OpenVINO), ``torch-cpu`` or ``cuda``."""
        if self.options.device != "auto":
            return self.options.device
        return "cuda" if self.package.card.network and _has_cuda() else "cpu"

    @property
    def memory(self) -> int:
        """Predicted peak of resident memory, in bytes."""
        return run_bytes(self.layout, self.cost, self.workers)

    @property
    def pace_key(self) -> str:
        """What the speed of a network depends on, on one machine."""
        return f"{self.package.key[:16]} {self.device} {self.options.precision} {self.workers} {self.reduce}"

    @property
    def tile_px(self) -> int:
        """Pixels of all tiles, halos included."""
        rows, cols = self.layout.grid.patch
        return len(self.layout.grid) * rows * cols

    def seconds(self) -> tuple[float, str]:
        """Predicted time for the network, and whether an earlier run here or another machine says so."""
        pace = recall(cache_folder(), self.pace_key)
        if pace is None:
            return self.cost.seconds(self.layout.grid), "not yet measured on this machine"
        return self.tile_px / pace, "as fast as the last run on this machine"

    def _looks_at(self) -> str:
        """What the network looks at, and in which order."""
        if not self.package.card.summary_size:
            return "each tile by itself"
        rows, cols = glance_shape(self.source.meta.box.shape, reduce=self.reduce)
        return f"the scene as a whole first, made {cols} x {rows} px small, then each tile"

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        from geoglm.jobs.notebook.shown import plan_html

        return plan_html(self)

    def describe(self) -> dict[str, Any]:
        """The plan as plain values, for the manifest and ``geoglm info``."""
        grid = self.layout.grid
        seconds, seconds_why = self.seconds()
        return {
            "model": self.package.card.name,
            "model_why": self.reasons["model"],
            "bands": [b + 1 for b in self.bands],
            "full_scale": self.full_scale,
            "zero": self.zero,
            "zero_why": self.reasons["zero"],
            "network_sees": "every pixel" if self.reduce == 1 else f"means of {self.reduce} x {self.reduce} pixels",
            "network_why": self.reasons["reduce"],
            "looks_at": self._looks_at(),
            "patch_px": list(grid.patch),
            "patch_why": self.reasons["patch"],
            "halo_px": self.halo,
            "halo_why": self.reasons["halo"],
            "seams": f"faded over {2 * self.blend_px} px" if self.blend_px else "cut at tile cores",
            "tiles": len(grid),
            "shards": len(self.layout),
            "workers": self.workers,
            "device": self.device,
            "precision": self.options.precision,
            "predicted_memory_mb": round(self.memory / 1e6),
            "predicted_seconds": round(seconds, 1),
            "predicted_seconds_why": seconds_why,
        }


def _has_cuda() -> bool:
    """Whether torch would find a GPU; without one torch is not even imported."""
    if not Path("/dev/nvidiactl").exists() or find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


def _stamp(path: Path) -> list[Any]:
    """Name, size and time of a file: changes when the file does."""
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]
