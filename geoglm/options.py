"""What a user may choose, parsed once; behind this module every option is a proven value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from geoglm.errors import GeoglmError, PlanError

VectorFormat = Literal["gpkg", "parquet", "fgb", "pmtiles", "none"]
Precision = Literal["auto", "f32", "bf16"]
Doubt = Literal["entropy", "margin"]
"""A layer of uncertainty, see `geoglm.stitch.doubts`."""

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parse_memory(text: str) -> int:
    """Bytes of a size such as ``2GB``, ``750MB`` or ``1.5G``.

    Raises:
        PlanError: `text` is no size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if match is None:
        raise PlanError(f"memory {text!r} is no size; write it as 2GB or 750MB")
    return int(float(match[1]) * UNITS[match[2].upper()])


@dataclass(frozen=True, slots=True)
class PatchRule:
    """How the side of a patch is chosen: ``auto``, ``stepwise`` or a fixed number of pixels."""

    name: Literal["auto", "stepwise", "fixed"]
    side_px: int = 0

    @classmethod
    def parse(cls, text: str) -> PatchRule:
        """From ``auto``, ``stepwise`` or a number of pixels."""
        if text == "auto":
            return cls("auto")
        if text == "stepwise":
            return cls("stepwise")
        if text.isdecimal() and int(text) > 0:
            return cls("fixed", int(text))
        raise PlanError(f"patch {text!r} is unknown; use auto, stepwise or a side in pixels such as 1024")


@dataclass(frozen=True, slots=True)
class HaloRule:
    """How far tiles look beyond their core: the package's own measure, its whole field, or pixels."""

    name: Literal["auto", "exact", "fixed"]
    width_px: int = 0

    @classmethod
    def parse(cls, text: str) -> HaloRule:
        """From ``auto``, ``exact`` or a number of pixels."""
        if text == "auto":
            return cls("auto")
        if text == "exact":
            return cls("exact")
        if text.isdecimal():
            return cls("fixed", int(text))
        raise PlanError(f"halo {text!r} is unknown; use auto, exact or a width in pixels such as 64")


def parse_bands(text: str | None) -> tuple[int, ...] | None:
    """Band numbers, counted from 1, of a list such as ``4,3,2``."""
    if text is None:
        return None
    parts = [p.strip() for p in text.split(",")]
    if not all(p.isdecimal() and int(p) > 0 for p in parts):
        raise PlanError(f"bands {text!r} is no list of band numbers; write it as 4,3,2 (counted from 1)")
    return tuple(int(p) for p in parts)


def parse_scale(text: str | None) -> float | Literal["auto"] | None:
    """The pixel value that counts as full scale, or ``auto``."""
    if text is None or text == "auto":
        return "auto" if text else None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise PlanError(f"scale {text!r} is no positive number; give the value that counts as full, e.g. 10000")
    return value


def parse_offset(text: str) -> float | Literal["auto"]:
    """The pixel value that counts as zero, or ``auto``."""
    if text == "auto":
        return "auto"
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise PlanError(f"offset {text!r} is no number; give the pixel value that counts as zero, e.g. 1000 or 0")
    return value


def parse_layers(text: str | None) -> tuple[tuple[Doubt, ...], bool]:
    """Layers of uncertainty of a list such as ``entropy,margin``: those of probabilities, and whether disagreement is.

    Raises:
        PlanError: one is unknown.

    >>> parse_layers("margin, disagreement,entropy")
    (('entropy', 'margin'), True)
    """
    known = (*get_args(Doubt), "disagreement")
    asked = {p.strip() for p in (text or "").split(",")} - {""}
    if wrong := sorted(asked - set(known)):
        raise PlanError(f"layer {wrong[0]!r} is unknown; use {', '.join(known)}, or several as entropy,margin")
    return tuple(d for d in get_args(Doubt) if d in asked), "disagreement" in asked


def parse_seconds(text: str | None) -> float | None:
    """Seconds of a duration such as ``90``, ``60s``, ``2.5min`` or ``1h``.

    Raises:
        PlanError: `text` is none.

    >>> parse_seconds("2min")
    120.0
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h)?\s*", text)
    if match is None or not (seconds := float(match[1]) * {"h": 3600, "m": 60, "min": 60}.get(match[2], 1)):
        raise PlanError(f"time budget {text!r} is no duration; write it as 60s or 2min")
    return seconds


@dataclass(frozen=True, slots=True)
class SchedulerRule:
    """Where shards are scored: threads of this process, processes on this machine, or a dask cluster; or ``auto``."""

    name: Literal["threads", "auto", "processes", "cluster"]
    count: int = 0
    address: str = ""

    @classmethod
    def parse(cls, text: str) -> SchedulerRule:
        """From ``threads``, ``auto``, ``local:N`` or the address of a dask scheduler.

        Raises:
            PlanError: `text` is none of these.

        >>> SchedulerRule.parse("local:2").count
        2
        """
        if text in ("threads", "auto"):
            return cls("auto" if text == "auto" else "threads")
        kind, _, rest = text.partition(":")
        if kind == "local" and rest.isdecimal() and int(rest) > 0:
            return cls("processes", count=int(rest))
        if re.fullmatch(r"(tcp|tls|ws|wss)://\S+:\d+", text):
            return cls("cluster", address=text)
        raise PlanError(
            f"scheduler {text!r} is unknown; use threads, auto, local:2 (processes) or an address such as "
            "tcp://10.0.0.1:8786"
        )


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """Everything that shapes a segmentation, in parsed form.

    Args:
        model: ``auto``, the name of a shipped package or the path of a package.
        bands: scene bands for the model's bands, counted from 1; None to find them by name.
        scale: pixel value that counts as full scale; ``auto`` for the 99.5th percentile.
        offset: pixel value that counts as zero; ``auto`` finds it for models of reflectance, 0 for others.
        resample: ground sample distance in metres to work at; None for the scene's own.
        patch: rule for the side of a tile.
        halo: rule for the border of a tile.
        blend: fade neighbours over the halo; None for "where the package is not tileable".
        memory: budget in bytes.
        workers: threads that work on shards; 0 for one per core.
        shard_px: side of a shard in pixels, 0 for a size that fits the memory.
        precision: arithmetic of the network; ``auto`` takes bf16 where the CPU has it.
        device: ``auto``, ``cpu`` (OpenVINO), ``torch-cpu`` or ``cuda``.
        probabilities: write the probability of every class as well.
        doubts: layers of uncertainty to write as well.
        disagreement: write that of overlapping tiles as well, see `geoglm.stitch.doubts`.
        vectors: format of the polygons.
        report: write the page about the results as well.
        min_area: smallest region kept, m² (pixels where the scene has no CRS).
        aoi: file with polygons; pixels outside are not classified.
        scheduler: where shards are scored; the map does not depend on it.
        time_budget: seconds that the run may take; shards are looked at more coarsely where it must. None for as long
            as it takes.
    """

    model: str = "auto"
    bands: tuple[int, ...] | None = None
    scale: float | Literal["auto"] | None = None
    offset: float | Literal["auto"] = "auto"
    resample: float | None = None
    patch: PatchRule = PatchRule("auto")
    halo: HaloRule = HaloRule("auto")
    blend: bool | None = None
    memory: int = 2 * 10**9
    workers: int = 0
    shard_px: int = 0
    precision: Precision = "auto"
    device: str = "auto"
    probabilities: bool = False
    doubts: tuple[Doubt, ...] = ()
    disagreement: bool = False
    vectors: VectorFormat = "gpkg"
    report: bool = True
    min_area: float = 0.0
    aoi: Path | None = None
    scheduler: SchedulerRule = SchedulerRule("threads")
    time_budget: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_area < float("inf"):
            raise GeoglmError(f"min-area {self.min_area:g} is no area; give one in m², or 0 to keep all")
        for name, number in (("workers", self.workers), ("shard", self.shard_px)):
            if number < 0:
                raise PlanError(f"{name} {number} is negative; give a number, or 0 to leave it to geoglm")
        if self.bands is not None and (wrong := [b for b in self.bands if b < 1]):
            raise PlanError(f"band {wrong[0]} is no band; they are counted from 1")
        if self.precision not in ("auto", "f32", "bf16"):
            raise PlanError(f"precision {self.precision!r} is unknown; use auto, f32 or bf16")
        if self.vectors not in get_args(VectorFormat):
            raise PlanError(f"vectors {self.vectors!r} is unknown; use {', '.join(get_args(VectorFormat))}")
        if self.resample is not None and not 0 < self.resample < 1e6:
            raise PlanError(f"resample {self.resample:g} is no ground sample distance in metres; try 0.5 or 10")
        if self.time_budget is not None and self.scheduler.name != "threads":
            raise PlanError("a time budget works with --scheduler threads; leave one of the two out")
        if self.time_budget is not None and self.resample is not None:
            raise PlanError("a time budget chooses the resolution itself; leave --resample out")
        if self.time_budget is not None and self.disagreement:
            raise PlanError("with a time budget tiles may be seen more coarsely than others; leave disagreement out")
        if self.device not in ("auto", "cpu", "torch-cpu", "cuda"):
            raise PlanError(f"device {self.device!r} is unknown; use auto, cpu, torch-cpu or cuda")


def parse_scales(text: str) -> tuple[float, ...]:
    """Magnifications of a list such as ``0.5,1,2``.

    Raises:
        PlanError: `text` is no list of numbers.

    >>> parse_scales("0.5, 1,2")
    (0.5, 1.0, 2.0)
    """
    try:
        return tuple(dict.fromkeys(float(p) for p in text.split(",")))
    except ValueError:
        raise PlanError(f"scales {text!r} are no list of numbers; write them as 0.5,1,2") from None


def parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """Label name → model name, of pairs such as ``lawn=vegetation``; nothing behind the sign leaves a class out.

    Raises:
        GeoglmError: a pair has no ``=`` or no label name.
    """
    mapping = {}
    for pair in pairs:
        old, sign, new = pair.partition("=")
        if not (sign and old.strip()):
            raise GeoglmError(f"mapping {pair!r} is no pair; write it as LABEL=CLASS, or LABEL= to leave a label out")
        mapping[old.strip()] = new.strip()
    return mapping


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What a map is compared with, and at which resolutions.

    Args:
        class_field: column of the class, for labels that are polygons; None to take the only one with text.
        rename: label name → model name.
        scales: pixels a side for each of a scene's own: at 0.5 half as many, each twice as coarse on the ground.
    """

    class_field: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    scales: tuple[float, ...] = (0.5, 1.0, 2.0)

    def __post_init__(self) -> None:
        if not self.scales or not all(0.1 <= s <= 10 for s in self.scales):
            told = ", ".join(f"{s:g}" for s in self.scales) or "none"
            raise PlanError(f"scales {told}: each must lie between 0.1 and 10; give some such as 0.5,1,2")


@dataclass(frozen=True, slots=True)
class Length:
    """A length in metres on the ground or in pixels."""

    value: float
    unit: Literal["m", "px"] = "m"

    @classmethod
    def parse(cls, text: str) -> Length:
        """From ``1.5`` or ``1.5m`` (metres), or ``2px``.

        Raises:
            GeoglmError: `text` is no length.

        >>> Length.parse("2px")
        Length(value=2.0, unit='px')
        """
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(m|px|)\s*", text)
        if match is None:
            raise GeoglmError(f"simplify {text!r} is no length; write metres as 1.5 or pixels as 2px")
        return cls(float(match[1]), "px" if match[2] == "px" else "m")

    def in_px(self, gsd: float | None) -> float:
        """In pixels of `gsd` metres; where that is unknown, metres count as pixels."""
        return self.value if self.unit == "px" or gsd is None else self.value / gsd


@dataclass(frozen=True, slots=True)
class PolygonOptions:
    """What polygons are made of a map of classes.

    Args:
        keep: names or values of the classes wanted; None for all.
        connectivity: 4, or 8 for pixels that touch at a corner to belong together.
        dissolve: one multipolygon a class.
        simplify: tolerance of simplification.
        method: ``visvalingam`` or ``douglas``.
        smooth: rounds of cutting corners, 0 to 4.
        min_area: smallest region kept, m² (pixels where the map has no CRS).
    """

    keep: tuple[str, ...] | None = None
    connectivity: int = 4
    dissolve: bool = False
    simplify: Length = Length(0)
    method: Literal["visvalingam", "douglas"] = "visvalingam"
    smooth: int = 0
    min_area: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_area < float("inf"):
            raise GeoglmError(f"min-area {self.min_area:g} is no area; give one in m², or 0 to keep all")
        if self.method not in ("visvalingam", "douglas"):
            raise GeoglmError(f"method {self.method!r} is unknown; use visvalingam or douglas")
