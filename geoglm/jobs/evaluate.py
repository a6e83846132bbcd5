"""``geoglm evaluate``: labelled scenes are mapped, or maps taken as they are, and compared with their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from geoglm.errors import GeoglmError, LabelError
from geoglm.io.evaluation_files import report_folder, write_report
from geoglm.io.geotiff import RasterFile
from geoglm.io.labels import Labels, ZoomedLabels, open_labels
from geoglm.jobs.compare import FileMap, compared, confidence_beside, map_of
from geoglm.jobs.manifest import made_by
from geoglm.jobs.notebook.bar import barred
from geoglm.jobs.planning import make_plan
from geoglm.jobs.progress import Progress, silent
from geoglm.options import EvaluateOptions, SegmentOptions, parse_memory, parse_scale
from geoglm.stats.evaluation import Agreement, Evaluation
from geoglm.types import SceneMeta

Paths = str | Path | Sequence[str | Path]


@barred
def evaluate(
    scenes: Paths = (),
    labels: Paths = (),
    *,
    model: str = "auto",
    maps: Paths = (),
    class_field: str | None = None,
    mapping: Mapping[str, str] | None = None,
    scales: Sequence[float] = (0.5, 1.0, 2.0),
    output: str | Path | None = None,
    bands: tuple[int, ...] | None = None,
    scale: float | str | None = None,
    memory: str = "2GB",
    workers: int = 0,
    precision: str = "auto",
    device: str = "auto",
    progress: Progress = silent,
) -> Evaluation:
    """How well a model maps labelled scenes, or how good maps are that are there already.

    Args:
        scenes: paths of rasters; each is segmented at every scale, where it has labels.
        labels: class rasters or polygon files: one for each scene or map, in their order, or one for all.
        model: name of a shipped model, path of a package, or ``auto``.
        maps: class rasters to take as they are, in place of scenes; a ``confidence.tif`` beside one is used too.
        class_field: column with the class, for polygons.
        mapping: label name → model name where they differ; an empty name leaves a class out.
        scales: pixels a side for each of a scene's own: at 0.5 half as many, each twice as coarse on the ground.
        output: folder for ``evaluation.json`` and plots; None to write nothing.
        bands, scale, memory, workers, precision, device: as for `segment`.
        progress: told of the phase, and of the pixels done and to do in it.

    Returns:
        Confusion matrix, IoU, F1, user's and producer's accuracy, boundary F1 and calibration error, by scale.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """
    what = EvaluateOptions(class_field, mapping or {}, tuple(scales))
    where = None if output is None else Path(output)
    if given := _paths(maps):
        if _paths(scenes):
            raise GeoglmError("evaluate wants scenes or maps, not both; a map stands for its scene")
        return evaluate_maps(given, _paths(labels), what, output=where)
    options = SegmentOptions(
        model=model,
        bands=bands,
        scale=parse_scale(None if scale is None else str(scale)),
        memory=parse_memory(memory),
        workers=workers,
        precision=precision,  # type: ignore[arg-type]  # checked at birth
        device=device,
    )
    return evaluate_scenes(_paths(scenes), _paths(labels), options, what, output=where, progress=progress)


def evaluate_scenes(
    scenes: Sequence[Path],
    labels: Sequence[Path],
    options: SegmentOptions,
    what: EvaluateOptions,
    *,
    output: Path | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Segment scenes where they have labels, at every scale, and compare; see `evaluate`.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """
    paths = _paired(scenes, labels, "scene")
    sources = [RasterFile(s) for s in scenes]  # all are looked at before the first is worked on
    package = make_plan(sources[0], options).package
    options = replace(options, model=str(package.folder), vectors="none")  # one model for all, at every scale
    names = tuple(c.name for c in package.card.classes)
    opened = _opened(paths, [s.meta for s in sources], what, names)
    model = {"name": package.card.name, "version": package.card.version, "weights_sha256": package.sha256}
    with report_folder(output) as drafts:
        parts: list[Part] = []
        notes = [n for labels in opened for n in labels.notes]
        for scene, source, labelled in zip(scenes, sources, opened, strict=True):
            for scale in what.scales:
                zoomed = source if scale == 1 else RasterFile(scene, zoom=scale)
                plan = make_plan(zoomed, options)
                notes += [n for n in plan.notes if n != zoomed.meta.georef.lacks()]
                truth = ZoomedLabels(labelled, source.meta.box, zoomed.meta.box)
                with map_of(plan, truth, partial(progress, f"{scene.name} at {scale:g}x")) as mapped:
                    found = compared(mapped, truth, zoomed.meta.box, classes=len(names), scale=scale)
                parts.append(Part(scale, scene, zoomed.meta, found))
        facts = _facts(paths, parts) | {"model": model}
        result = _added(names, what.scales, parts, notes, facts)
        write_report(drafts, result)
    return result


def evaluate_maps(
    maps: Sequence[Path], labels: Sequence[Path], what: EvaluateOptions, *, output: Path | None = None
) -> Evaluation:
    """Compare maps as they are with labels, on the grid of each map; see `evaluate`.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """
    paths = _paired(maps, labels, "map")
    grids = [RasterFile(m).meta for m in maps]
    found = [open_labels(m, g) for m, g in zip(maps, grids, strict=True)]
    names = found[0].classes
    if other := next((m for m, f in zip(maps, found, strict=True) if f.classes != names), None):
        raise LabelError(f"{other}: has other classes than {maps[0]}; evaluate them one by one")
    opened = _opened(paths, grids, what, names)
    with report_folder(output) as drafts:
        parts = []
        for path, grid, mapped, truth in zip(maps, grids, found, opened, strict=True):
            whole = FileMap(mapped, confidence_beside(path, grid))
            parts.append(Part(1.0, path, grid, compared(whole, truth, grid.box, classes=len(names))))
        notes = [n for labels in opened for n in labels.notes]
        result = _added(names, (1.0,), parts, notes, _facts(paths, parts))
        write_report(drafts, result)
    return result


@dataclass(frozen=True, slots=True)
class Part:
    """What was found for one scene at one scale."""

    scale: float
    path: Path
    meta: SceneMeta
    agreement: Agreement


def _paths(given: Paths) -> list[Path]:
    return [Path(given)] if isinstance(given, str | Path) else [Path(g) for g in given]


def _paired(rasters: Sequence[Path], labels: Sequence[Path], kind: str) -> list[tuple[Path, Path]]:
    """Each scene or map with its labels."""
    if not rasters:
        raise GeoglmError("there is nothing to evaluate; give scenes, or maps that are there already")
    if len(labels) not in (1, len(rasters)):
        raise GeoglmError(
            f"{len(labels)} label files for {len(rasters)} {kind}{'s' * (len(rasters) > 1)}; give one for each "
            f"{kind}, in their order, or one for all"
        )
    return list(zip(rasters, list(labels) * (len(rasters) // len(labels)), strict=True))


def _opened(
    paths: Sequence[tuple[Path, Path]], metas: Sequence[SceneMeta], what: EvaluateOptions, names: Sequence[str]
) -> list[Labels]:
    return [
        open_labels(path, meta, class_field=what.class_field, classes=names, rename=what.rename)
        for (_, path), meta in zip(paths, metas, strict=True)
    ]


def _added(
    names: tuple[str, ...], scales: Sequence[float], parts: Sequence[Part], notes: Sequence[str], facts: dict[str, Any]
) -> Evaluation:
    """All scenes together, by scale.

    Raises:
        LabelError: no pixel has both a label and a class.
    """
    by_scale = {s: sum((p.agreement for p in parts if p.scale == s), Agreement.nothing(len(names))) for s in scales}
    result = Evaluation(names, by_scale, None, tuple(dict.fromkeys(notes)), facts)
    if not result.own.pixels:
        raise LabelError("no pixel of the map has a label: labels and valid pixels do not meet, or all are left out")
    return result


def _facts(paths: Sequence[tuple[Path, Path]], parts: Sequence[Part]) -> dict[str, Any]:
    """What was compared with what, for the record."""
    scenes = []
    for path, labels in paths:
        seen = {
            f"{p.scale:g}": {
                "size_px": [p.meta.width, p.meta.height],
                "gsd_m": p.meta.gsd,
                "pixels": p.agreement.pixels,
                "miou": p.agreement.as_dict(())["miou"],
            }
            for p in parts
            if p.path == path
        }
        scenes.append({"path": str(path), "labels": str(labels), "by_resolution": seen})
    return made_by() | {"scenes": scenes}
