"""What may be chosen for a comparison of two dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from geoglm.errors import GeoglmError, PlanError
from geoglm.options import SchedulerRule, VectorFormat
from geoglm.stats.transitions import SURE

THREADS = SchedulerRule("threads")
METHODS = ("auto", "spectral", "features", "classes")
Method = Literal["spectral", "features", "classes"]


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """How two dates are compared.

    Args:
        method: ``auto``; ``spectral`` (no model); ``features`` (what a model sees has to change as well); ``classes``
            (two maps of classes, given or made by a model).
        bands: scene bands to compare, or for the model's bands, counted from 1; None to find them by name.
        model: ``auto``, or name or path of a package; naming one asks for ``classes`` unless
            ``features`` is asked for.
        scale: for a model, the pixel value of both dates that counts as full scale; ``auto`` for the 99.5th percentile,
            None where there is no doubt.
        coregister: take back the shift that is measured between the dates.
        at_least: probability from which a change counts; None for 0.75 with ``classes``, else 0.5.
        min_area: smallest region that is kept, m² (pixels where the scenes have no CRS).
        vectors: format of the polygons.
        report: write the page about the results as well.
        memory: budget in bytes.
        workers: threads; 0 for one per core.
        scheduler: where a model scores both dates (``classes``); the result does not depend on it.
        block_px: side of the shards in which scenes are compared, 0 for one that fits the memory; the result does not
            depend on it, but for tiles that a model is shown, see its halo.
    """

    method: str = "auto"
    bands: tuple[int, ...] | None = None
    model: str = "auto"
    scale: float | Literal["auto"] | None = None
    coregister: bool = False
    at_least: float | None = None
    min_area: float = 0.0
    vectors: VectorFormat = "gpkg"
    report: bool = True
    memory: int = 2 * 10**9
    workers: int = 0
    scheduler: SchedulerRule = THREADS
    block_px: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise GeoglmError(f"method {self.method!r} is unknown; use {', '.join(METHODS)}")
        if self.method == "spectral" and self.model != "auto":
            raise GeoglmError("method spectral needs no model; leave --model out, or use --method classes")
        if self.method == "features" and self.scheduler.name not in ("threads", "auto"):
            raise GeoglmError("method features looks at both dates in threads of this process; leave --scheduler out")
        if self.method == "spectral" and self.scale is not None:
            raise GeoglmError("method spectral asks for no scale; leave --scale out")
        if self.at_least is not None and not 0 < self.at_least <= 1:
            raise GeoglmError(f"min-probability {self.at_least:g} is no probability; give one above 0 and up to 1")
        if not 0 <= self.min_area < float("inf"):
            raise GeoglmError(f"min-area {self.min_area:g} is no area; give one in m², or 0 to keep all")
        if self.vectors not in ("gpkg", "parquet", "fgb", "none"):
            raise PlanError(f"vectors {self.vectors!r} is unknown; use gpkg, parquet, fgb or none")
        if self.workers < 0:
            raise PlanError(f"workers {self.workers} is negative; give a number, or 0 to leave it to geoglm")

    @property
    def key(self) -> str:
        """What shards of a comparison depend on; polygons and merging come after them."""
        return f"{self.method} {self.bands} {self.model} {self.coregister} {self.at_least} {self.block_px}"

    def sure(self, method: Method) -> float:
        """The probability from which a change counts."""
        if self.at_least is not None:
            return self.at_least
        return SURE if method == "classes" else 0.5
