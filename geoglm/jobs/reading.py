"""How a plan reads a scene: by which model, which bands, and what a pixel value means to that model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geoglm.errors import SceneMismatch
from geoglm.io.source import Source
from geoglm.options import SegmentOptions
from geoglm.pixels.offset import ReflectanceZero, check_reflectance, find_zero, seen_zero, told_zero
from geoglm.pixels.scale import Scaling, percentile_scale
from geoglm.registry.catalog import choose, find, gsd_distance
from geoglm.registry.match import match_bands
from geoglm.registry.package import ModelPackage
from geoglm.types import SceneMeta


@dataclass(frozen=True, slots=True)
class Reading:
    """A scene as a model sees it.

    Args:
        package: model and card.
        bands: indices of the scene bands for the model's bands, counted from 0.
        full_scale: pixel value that counts as 1, above the zero.
        zero: pixel value that counts as 0, and why.
        scaling: the model's, as this scene has it.
        reduce: pixels a side that are averaged into one for the network.
        notes: lines the user should read.
        reasons: what was chosen → why.
    """

    package: ModelPackage
    bands: tuple[int, ...]
    full_scale: float
    zero: ReflectanceZero
    scaling: Scaling
    reduce: int
    notes: tuple[str, ...]
    reasons: dict[str, str]


def read_scene(source: Source, options: SegmentOptions) -> Reading:
    """Choose the model and find out what the pixels of `source` mean to it.

    Raises:
        SceneMismatch, ModelError: scene, model and options do not fit together.
    """
    meta = source.meta
    if "palette" in meta.bands:
        raise SceneMismatch(
            f"{meta.name} is a palette image, whose numbers are no brightness; gdal_translate -expand rgb makes "
            "one that can be segmented"
        )
    package, why = _package(meta, options)
    match = match_bands(meta, package.card, options.bands)
    full = _full_scale(source, package, match.indices, options)
    zero = _zero(source, package, match.indices, options, full=full)
    scaling = _scaling(source, package, match.indices, zero.value, full=full)
    reduce, reduce_why = _reduction(package, meta, options)
    notes = [meta.georef.lacks(), _far_from(package, meta), match.note]
    if package.card.reflectance:
        notes.append(f"pixel value {zero.value:g} counts as reflectance 0: {zero.why}")
    return Reading(
        package,
        match.indices,
        full,
        zero,
        scaling,
        reduce,
        notes=tuple(n for n in notes if n),
        reasons={"model": why, "zero": zero.why, "reduce": reduce_why},
    )


def _package(meta: SceneMeta, options: SegmentOptions) -> tuple[ModelPackage, str]:
    """The model, and why this one."""
    if options.model != "auto":
        return find(options.model), "as asked"
    choice = choose(meta)
    return choice.package, choice.why


def _far_from(package: ModelPackage, meta: SceneMeta) -> str | None:
    """A line for a scene at a distance that the model was not trained at."""
    if gsd_distance(package, meta) <= 1.25:
        return None
    low, high = package.card.gsd or (0.0, 0.0)
    return (
        f"{package.card.name} was trained at {low:g} to {high:g} m, the scene has {meta.gsd:.3g} m: expect a poor map; "
        f"--resample {low if (meta.gsd or 0) < low else high:g} works at a distance it knows"
    )


def _full_scale(source: Source, package: ModelPackage, bands: Sequence[int], options: SegmentOptions) -> float:
    """The pixel value that counts as 1, from the user, the card or, if asked, the scene."""
    scaling, dtype = package.card.scaling, source.meta.dtype
    if options.scale is not None and options.scale != "auto":
        return float(options.scale)
    if scaling.percentiles is not None:
        return 1.0
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


def _scaling(source: Source, package: ModelPackage, bands: Sequence[int], zero: float, *, full: float) -> Scaling:
    """The model's scaling with this scene's zero and, where it stretches between percentiles, this scene's ends."""
    scaling = package.card.scaling.with_zero(zero)
    return scaling if scaling.percentiles is None else scaling.stretched(*source.preview(bands, side_px=1024), full)


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
