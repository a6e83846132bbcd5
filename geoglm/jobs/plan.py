"""The plan: everything decided about a segmentation before its first pixel is computed."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import psutil
from numpy.typing import NDArray

from geoglm.errors import PlanError, SceneMismatch
from geoglm.infer.predict import Predictor
from geoglm.infer.runtime import Product, Runtime
from geoglm.io.source import Source, read_glance
from geoglm.jobs.pace import recall
from geoglm.options import SegmentOptions
from geoglm.pixels.glance import glance_shape
from geoglm.pixels.offset import ReflectanceZero, check_reflectance, find_zero, seen_zero, told_zero
from geoglm.pixels.scale import Scaling, network_dtype, percentile_scale
from geoglm.registry.catalog import choose, find, gsd_distance
from geoglm.registry.match import match_bands
from geoglm.registry.package import ModelPackage
from geoglm.tiling.grid import TileGrid, round_up
from geoglm.tiling.patch import TileCost, TileRoomTooSmall, asked_side, choose_patch
from geoglm.tiling.place import Frame
from geoglm.tiling.shards import ShardLayout
from geoglm.types import SceneMeta
from geoglm.version import __version__

BASE_BYTES = 580 * 10**6
"""Resident memory of the process with its libraries and a compiled network, before any tile."""

ACTIVATION_BYTES_PX = 215
"""Working memory of the shipped network for a pixel of a tile: 148 in float32, 212 in bf16, measured with
benchmarks/memory.py on patches of 256 to 2048 px; 208 in bf16 where the network sees reduced pixels, since the scores
at full resolution weigh most."""

SHARD_BYTES_PX = 24
"""Pixels, masks, scores and their compressed copies, for a pixel of a shard."""

TRACE_BYTES_PX = 11
"""Maps on disk that are mapped into memory, and polygons, for a pixel of the scene while polygons are traced."""

SHARD_SIDE = 2048

TILE_ROOM = 500 * 10**6
"""Memory for one tile: two workers fit into the default budget. It is no share of what the machine has, so that the
tiles, and with them the map, are the same for any number of workers on any machine; a budget too small for one such
worker makes smaller tiles, and a halo over a quarter of such a tile larger ones."""


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
        layout: tiles and shards.
        halo: px around each core.
        reduce: pixels a side that are averaged into one for the network.
        blend_px: half-width of the fade between tiles; 0 for a cut.
        workers: threads.
        notes: lines the user should read.
        reasons: what was chosen → why.
        room: bytes for one worker's tile.
    """

    source: Source
    package: ModelPackage
    options: SegmentOptions
    bands: tuple[int, ...]
    full_scale: float
    zero: float
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
            self.layout.grid.patch,
            self.halo,
            self.reduce,
            self.blend_px,
            self.layout.chunks,
            self.options.precision,
            self.device,
            self.options.probabilities,
            self.options.resample,
            None if self.options.aoi is None else _stamp(self.options.aoi),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    @property
    def scaling(self) -> Scaling:
        """From the scene's pixel values to network input."""
        return self.package.card.scaling.with_zero(self.zero)

    @property
    def fill(self) -> tuple[float, ...]:
        """The value of each band with which pixels without data are fed to the network."""
        return self.scaling.fill(self.full_scale)

    @property
    def device(self) -> str:
        """``cpu`` (OpenVINO), ``torch-cpu`` or ``cuda``."""
        if self.options.device != "auto":
            return self.options.device
        return "cuda" if _has_cuda() else "cpu"

    @property
    def memory(self) -> int:
        """Predicted peak of resident memory, in bytes: of the tiles at work, or of tracing the polygons."""
        tiles = self.workers * _worker_bytes(self.layout, self.cost)
        tracing = 0 if self.options.vectors == "none" else self.source.meta.box.area * TRACE_BYTES_PX
        return BASE_BYTES + max(tiles, tracing)

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

    def glance(self) -> NDArray[np.float32] | None:
        """The whole scene made small, ``(band, y, x)``; None for a network that looks at no more than the tile."""
        card = self.package.card
        if not card.summary_size:
            return None
        return read_glance(self.source, self.bands, fill=self.fill, stride=card.stride, reduce=self.reduce)

    def runtime(self, product: Product) -> Runtime:
        """The network on its device; one with context has looked at the scene."""
        card, patch = self.package.card, self.layout.grid.patch
        dtype = network_dtype(self.source.meta.dtype)
        if self.device in ("cuda", "torch-cpu"):
            from geoglm.infer.torch_runtime import TorchRuntime

            return TorchRuntime(
                self.package.network(),
                self.scaling,
                full_scale=self.full_scale,
                product=product,
                device=self.device.removeprefix("torch-"),
                patch=patch,
                precision=self.options.precision,
                reduce=self.reduce,
                temperature=card.temperature,
                glance=self.glance(),
            )
        from geoglm.infer.openvino_runtime import OpenVinoRuntime

        def build() -> Any:
            from geoglm.infer.scoring import ScoringGraph

            return ScoringGraph(
                self.package.network(),
                self.scaling,
                self.full_scale,
                product,
                reduce=self.reduce,
                temperature=card.temperature,
            )

        return OpenVinoRuntime(
            build,
            key=f"{self.package.key} {self.full_scale!r} {self.zero!r} {product} {self.reduce} {__version__}",
            bands=len(card.bands),
            patch=patch,
            dtype=dtype,
            precision=self.options.precision,
            streams=self.workers,
            cache=cache_folder(),
            glance=self.glance(),
        )

    def predictor(self, *, layers: bool) -> Predictor:
        """Ready to score shards, with every probability if `layers`."""
        product: Product = "float" if self.blend_px else ("percent" if layers else "map")
        meta = self.source.meta
        return Predictor(
            runtime=self.runtime(product),
            scene=meta.box,
            values=tuple(c.value for c in self.package.card.classes),
            blend_px=self.blend_px,
            layers=layers,
            frame=Frame(meta.box, meta.gsd, self.reduce) if self.package.card.summary_size else None,
        )

    def _looks_at(self) -> str:
        """What the network looks at, and in which order."""
        if not self.package.card.summary_size:
            return "each tile by itself"
        rows, cols = glance_shape(self.source.meta.box.shape, reduce=self.reduce)
        return f"the scene as a whole first, made {cols} x {rows} px small, then each tile"

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


def make_plan(source: Source, options: SegmentOptions) -> SegmentPlan:
    """Decide everything about the segmentation of `source`.

    Raises:
        SceneMismatch, ModelError, PlanError: scene, model and options do not fit together.
    """
    meta = source.meta
    if "palette" in meta.bands:
        raise SceneMismatch(
            f"{meta.name} is a palette image, whose numbers are no brightness; gdal_translate -expand rgb makes "
            "one that can be segmented"
        )
    notes = [n for n in (meta.georef.lacks(),) if n]
    if options.model == "auto":
        choice = choose(meta)
        package, model_why = choice.package, choice.why
    else:
        package, model_why = find(options.model), "as asked"
    card = package.card
    if gsd_distance(package, meta) > 1.25:
        low, high = card.gsd or (0.0, 0.0)
        notes.append(
            f"{card.name} was trained at {low:g} to {high:g} m, the scene has {meta.gsd:.3g} m: expect a poor map; "
            f"--resample {low if (meta.gsd or 0) < low else high:g} works at a distance it knows"
        )
    match = match_bands(meta, card, options.bands)
    notes += [match.note] if match.note else []
    full = _full_scale(source, package, match.indices, options)
    zero = _zero(source, package, match.indices, options, full=full)
    if card.reflectance:
        notes.append(f"pixel value {zero.value:g} counts as reflectance 0: {zero.why}")
    blend = (not card.tileable) if options.blend is None else options.blend
    if not card.tileable:
        notes.append(
            f"{card.name} is not exactly tileable: its map depends a little on the tiles"
            + (", which are faded into each other" if blend else "")
        )
    reduce, reduce_why = _reduction(package, meta, options)
    stride = card.stride * reduce
    halo, halo_why, seams = _halo(package, options, reduce, (meta.height, meta.width))
    notes += [seams] if seams else []
    cost = TileCost(_bytes_per_px(package, options, blend=blend))
    budget = min(options.memory, int(psutil.virtual_memory().total * 0.9))
    shape, side = (meta.height, meta.width), options.shard_px or SHARD_SIDE
    shard = math.prod(min(n, side) + 2 * halo for n in shape) * SHARD_BYTES_PX
    room = min(max(TILE_ROOM, int((4 * halo) ** 2 * cost.bytes_per_px)), budget - BASE_BYTES - shard)
    try:
        patch = choose_patch(options.patch, shape, halo=halo, stride=stride, cost=cost, room=room)
    except TileRoomTooSmall as error:
        least = math.ceil((BASE_BYTES + shard + error.needed) / 1e8) / 10
        raise PlanError(
            f"{budget / 1e9:.3g} GB is too little for one tile with a halo of {halo} px in a shard of {side} px; "
            f"give at least --memory {least:.1f}GB, or a smaller --halo or --shard"
        ) from error
    grid = TileGrid.over(shape, patch=(patch.rows, patch.cols), halo=halo, stride=stride)
    blend_px = min(grid.rows.halo, _half_core(grid)) if blend and len(grid) > 1 else 0
    layout = ShardLayout.sized(grid, side_px=side, with_neighbours=blend_px > 0)
    each = _worker_bytes(layout, cost)
    fitting = max(1, (budget - BASE_BYTES) // each)
    if BASE_BYTES + each > budget:
        notes.append(
            f"a tile of {grid.patch[0]} x {grid.patch[1]} px in its shard takes {(BASE_BYTES + each) / 1e9:.1f} GB, "
            "more than --memory; --patch auto keeps to it"
        )
    if options.workers > fitting:
        notes.append(f"--memory has room for {fitting} of {options.workers} workers")
    workers = min(options.workers or len(os.sched_getaffinity(0)), len(layout), fitting)
    if options.vectors != "none" and (tracing := BASE_BYTES + meta.box.area * TRACE_BYTES_PX) > budget:
        notes.append(
            f"tracing the polygons of {meta.box.area / 1e6:.0f} Mpx will take about {tracing / 1e9:.1f} GB, more than "
            "--memory: most of it is disk mapped into memory; --vectors none avoids it"
        )
    return SegmentPlan(
        source=source,
        package=package,
        options=options,
        bands=match.indices,
        full_scale=full,
        zero=zero.value,
        layout=layout,
        halo=grid.rows.halo,
        reduce=reduce,
        blend_px=blend_px,
        workers=workers,
        cost=cost,
        notes=tuple(notes),
        reasons={"model": model_why, "zero": zero.why, "reduce": reduce_why, "patch": patch.why, "halo": halo_why},
    )


def _worker_bytes(layout: ShardLayout, cost: TileCost) -> int:
    """Memory of one worker: a tile in the network, and the shard around it."""
    rows, cols = layout.grid.patch
    down, across = layout.shape
    largest = max(layout.shard(r, c).read.area for r in range(min(down, 2)) for c in range(min(across, 2)))
    return int(rows * cols * cost.bytes_per_px) + largest * SHARD_BYTES_PX


def _half_core(grid: TileGrid) -> int:
    """Half of the shortest core of a grid, px: a wider fade would concern more than two tiles."""
    axes = (grid.rows, grid.cols)
    cores = [a.tile(k) for a in axes if a.count > 1 for k in range(a.count)]
    return min((c.core_stop - c.core_start for c in cores), default=0) // 2


def _full_scale(source: Source, package: ModelPackage, bands: Sequence[int], options: SegmentOptions) -> float:
    """The pixel value that counts as 1, from the user, the card or, if asked, the scene."""
    scaling, dtype = package.card.scaling, source.meta.dtype
    if isinstance(options.scale, float):
        return options.scale
    if options.scale is None and dtype in scaling.full_scale:
        return scaling.full_scale[dtype]
    pixels, valid = source.preview(bands, side_px=1024)
    if options.scale == "auto":
        return percentile_scale(pixels, valid)
    values = pixels[:, valid]
    seen = (float(values.min()), float(values.max())) if values.size else None
    return scaling.full_for(dtype, None, seen)


def _zero(
    source: Source, package: ModelPackage, bands: Sequence[int], options: SegmentOptions, *, full: float
) -> ReflectanceZero:
    """The pixel value that counts as zero: from the user, the file, or its darkest pixels."""
    if options.offset != "auto":
        return ReflectanceZero(options.offset, "as asked")
    if not package.card.reflectance:
        return ReflectanceZero(0.0, "the model is not one of reflectance")
    meta = source.meta
    pixels, valid = source.preview(bands, side_px=1024)
    if meta.dtype.startswith("float") and options.scale is None:
        check_reflectance(pixels[:, valid], meta.name, full=full)
    told = told_zero([meta.units[b] for b in bands if meta.units], dict(meta.product), full=full)
    return find_zero(told, seen_zero(pixels, valid, full=full))


def _reduction(package: ModelPackage, meta: SceneMeta, options: SegmentOptions) -> tuple[int, str]:
    """How many pixels a side the network sees as one, and why."""
    best = package.card.working_gsd
    if options.resample is not None:
        return 1, "resampled as asked"
    if best is None or meta.gsd is None:
        return 1, "the scene's own pixels"
    times = max(1, round(best / meta.gsd))
    if times == 1:
        return 1, f"{meta.gsd:.3g} m suits the model"
    return times, f"the model works best at {best:g} m, the scene has {meta.gsd:.3g} m"


def _halo(
    package: ModelPackage, options: SegmentOptions, reduce: int, shape: tuple[int, int]
) -> tuple[int, str, str | None]:
    """Halo in px of the scene, why, and a line for the user where the patch has no room for it."""
    card, rule = package.card, options.halo
    stride = card.stride * reduce
    if rule.name == "fixed":
        return round_up(rule.width_px, stride), "as asked", None
    if rule.name == "exact":
        if card.exact_halo is None:
            raise PlanError(f"{card.name} has no halo with which tiles are exact; use --halo auto or a width in px")
        # bringing logits back to the full grid looks at one more of them
        return card.exact_halo * reduce + (stride if reduce > 1 else 0), "the whole receptive field", None
    wanted, side = card.halo * reduce, asked_side(options.patch, shape)
    if side is None or wanted <= (most := side // 4 // stride * stride):
        return wanted, "measured for this model, see its card", None
    note = (
        f"a patch of {side} px has room for a halo of {most} px where {card.name} wants {wanted}: seams may show; "
        "--patch auto has room for it"
    )
    return most, "a quarter of the patch", note


def _bytes_per_px(package: ModelPackage, options: SegmentOptions, *, blend: bool) -> float:
    """Working memory for a pixel of a tile, of the network and of the scores."""
    network = 48.0 if package.card.network["encoder"] == "pointwise" else float(ACTIVATION_BYTES_PX)
    scores = 4 * len(package.card.classes)
    return network + scores * (3 if blend or options.probabilities else 0)


def _has_cuda() -> bool:
    """Whether torch would find a GPU; without one torch is not even imported."""
    if not Path("/dev/nvidiactl").exists():
        return False
    import torch

    return torch.cuda.is_available()


def cache_folder() -> Path:
    """Where converted and compiled networks are kept between runs (``GEOGLM_CACHE`` moves it)."""
    return Path(os.environ.get("GEOGLM_CACHE") or platformdirs.user_cache_path("geoglm"))


def _stamp(path: Path) -> list[Any]:
    """Name, size and time of a file: changes when the file does."""
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]
