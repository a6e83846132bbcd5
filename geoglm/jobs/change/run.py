"""``geoglm change``: two dates of one place in; what changed, where, how much and how surely out."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from functools import partial
from os import sched_getaffinity
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from geoglm.errors import GeoglmError, ModelError, OutputError, SceneMismatch
from geoglm.io.change.scene_pair import ScenePair
from geoglm.io.geotiff import RasterFile, scene_files
from geoglm.io.journal import OUTPUTS, DamagedShard, Stage
from geoglm.io.legend import own_legend
from geoglm.io.products.product import scene_stem
from geoglm.io.quicklook import coloured, stretched
from geoglm.io.remote import Remote, SceneRef, scene_ref
from geoglm.io.source import Source
from geoglm.jobs.budget import peak_memory
from geoglm.jobs.change.classes import MapsCompared
from geoglm.jobs.change.kept import Kept
from geoglm.jobs.change.maps import Comparison
from geoglm.jobs.change.modelled import ModelCompared
from geoglm.jobs.change.options import ChangeOptions, Method
from geoglm.jobs.change.outputs import SHOWN_PX, ChangeAreas, ChangeMaps, write_matrix, write_picture, write_polygons
from geoglm.jobs.change.preflight import Preflight, date_of
from geoglm.jobs.change.sights import Sights
from geoglm.jobs.change.spectral import SpectralChange
from geoglm.jobs.manifest import file_hash, library_versions, made_by, quick_key
from geoglm.jobs.notebook.bar import barred
from geoglm.jobs.progress import Progress, silent
from geoglm.jobs.report.beside import write_beside
from geoglm.jobs.result import DatedResult
from geoglm.registry.match import shown_bands
from geoglm.stats.transitions import TransitionCodes
from geoglm.types import LandClass
from geoglm.version import __version__

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

    Scene = str | SceneRef | xr.DataArray


MUCH = 0.3
"""Share of the ground called changed from which something else is likely behind it."""

MUTED = "'crs' was not provided", "Glyph .* missing from font", "Dataset has no geotransform"
"""Warnings of libraries, of scenes without a place, letters that a font has not, and arrays of rasterio's own."""

ROUNDS = 3
"""Times that damaged shards are made again before the disk is given up."""


class ChangeResult(DatedResult):
    """What a comparison of two dates leaves."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        from geoglm.jobs.notebook.shown import change_html

        return change_html(self.folder, self.summary)


def default_output(before: Path, after: Path) -> Path:
    """The folder beside the first scene in which results are put unless said otherwise."""
    return before.with_name(f"{scene_stem(before)}-to-{scene_stem(after)}-change")


@barred
def change(
    before: Scene,
    after: Scene,
    output: str | Path | None = None,
    *,
    progress: Progress = silent,
    client: Client | None = None,
    **choices: Any,
) -> ChangeResult:
    """What changed between two dates of one place, into the folder `output`.

    The scenes may differ in CRS, grid, resolution and extent: they are brought onto one grid, and their overlap is
    judged. Memory is bounded, however large they are. Interrupted at any point, nothing in `output` looks finished; the
    same call goes on from the finished shards, with the same result.

    Args:
        before, after: paths of rasters, or ``(band, y, x)`` DataArrays such as `open_scene` gives; or paths of class
            rasters, such as the ``classes.tif`` of `segment`.
        output: folder for the results; None for one beside the first scene, which must be a file then.
        client: of a dask cluster, on whose workers a model scores both dates (``classes``), whatever the options say.
        choices: fields of `ChangeOptions`, e.g. ``method="spectral", coregister=True``.

    Returns:
        Facts and areas; maps, polygons and pictures lie in the folder.

    Raises:
        GeoglmError: of the kind that says what is wrong.
    """
    options = _chosen(choices)
    paths = [_path_of(s) for s in (before, after)]
    if output is None and (paths[0] is None or paths[1] is None):
        raise OutputError("scenes in memory have no place beside them; say where the results go: output=FOLDER")
    folder = default_output(*[p for p in paths if p]) if output is None else Path(output)
    sources = [RasterFile(p) if p else _in_memory(s) for p, s in zip(paths, (before, after), strict=True)]
    pair = ScenePair.of(sources[0], sources[1])
    files = [f for p in paths if p for f in scene_files(p)]
    folder = _checked(folder, [p for p in paths if p])
    run = _Run(pair, paths, options, progress, client)
    # nothing tells whether pixels in memory are those of an interrupted run
    scenes = quick_key(files) if all(paths) else f"{time.time_ns()}"
    stage = Stage(folder, f"change {__version__} {scenes} {options.key} {run.comparison.key}")
    with stage.held():
        try:
            return run.go(stage)
        except (SceneMismatch, ModelError):
            if run.method != "classes":  # where no other machine is asked, the same would come of it again
                stage.discard()
            raise
        except KeyboardInterrupt:
            if not all(paths):
                stage.discard()
            raise


def _chosen(choices: dict[str, Any]) -> ChangeOptions:
    known = ChangeOptions.__dataclass_fields__
    if wrong := [c for c in choices if c not in known]:
        raise GeoglmError(f"change has no choice {wrong[0]!r}; there are {', '.join(known)}")
    return ChangeOptions(**choices)


def _path_of(scene: Any) -> Path | None:
    """Of a scene in files of this machine; None for one in memory.

    Raises:
        GeoglmError: it lies elsewhere.
    """
    if isinstance(scene, str | Path | Remote):
        place = scene_ref(scene)
        if isinstance(place, Remote):
            raise GeoglmError(
                f"{place}: is no raster file of this machine; download it first, or in Python pass geoglm.open_scene "
                "of it"
            )
        return place
    return None


def _in_memory(scene: Any) -> Source:
    from geoglm.io.lazy import DataArrayScene

    try:
        return DataArrayScene(scene)
    except AttributeError as error:
        raise GeoglmError(f"change wants two paths or (band, y, x) DataArrays, not {type(scene).__name__}") from error


def _checked(output: Path, scenes: Sequence[Path]) -> Path:
    """The folder as an absolute path; it must be none that would overwrite a scene."""
    folder = output.resolve()
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{output}: is a file; -o wants a folder")
    if lost := [s for s in scenes if s.resolve().parent == folder and s.stem in OUTPUTS]:
        raise OutputError(f"{output}: the results would overwrite {lost[0].name} itself; choose another -o")
    return folder


def legend_of(source: Source) -> tuple[LandClass, ...]:
    """The classes of a class raster as it tells them itself; none for an image."""
    if not isinstance(source, RasterFile) or len(source.meta.bands) > 1 or source.meta.dtype.startswith("float"):
        return ()
    if source.meta.dtype != "uint8" or not isinstance(source.path, Path):
        return ()
    return own_legend(source.path)


def _may_be_map(source: Source) -> bool:
    return len(source.meta.bands) == 1 and source.meta.dtype == "uint8"


def method_of(pair: ScenePair, options: ChangeOptions) -> tuple[Method, bool, str]:
    """The method, whether both scenes are maps of classes, and why.

    Raises:
        GeoglmError: one is a map and the other an image, or a choice does not go with maps.
    """
    maps = [bool(legend_of(s)) or "palette" in s.meta.bands for s in pair.wholes]
    if options.method == "classes" and options.model == "auto":
        maps = [m or len(s.meta.bands) == 1 for m, s in zip(maps, pair.wholes, strict=True)]
    if any(maps) and not all(maps):
        which = pair.wholes[maps.index(True)].meta.name
        raise GeoglmError(f"{which} is a map of classes and the other scene an image; give two maps or two images")
    if all(maps):
        if options.method in ("spectral", "features"):
            raise GeoglmError("these are maps of classes, whose numbers are no brightness; use --method classes")
        if options.coregister:
            raise GeoglmError("maps of classes are not co-registered; co-register the images they were made from")
        if options.model != "auto" or options.bands is not None or options.scale is not None:
            raise GeoglmError(
                "these are maps of classes, which are taken as they are; leave out --model, --bands and --scale"
            )
        return "classes", True, "both are maps of classes"
    if options.method != "auto":
        return cast(Method, options.method), False, "as asked"
    if options.model != "auto":
        return "classes", False, "a model is named"
    if options.scale is not None:
        raise GeoglmError("a scale is for a model, and none is asked for; leave --scale out, or say --method")
    return "spectral", False, "two images and no model named: what the bands say, for any sensor"


class _Run:
    """One comparison on its way."""

    def __init__(
        self,
        pair: ScenePair,
        paths: Sequence[Path | None],
        options: ChangeOptions,
        progress: Progress,
        client: Client | None,
    ) -> None:
        self.paths, self.options, self.progress = paths, options, progress
        self.method, self.given, self.why = method_of(pair, options)
        self.pair, self.began = pair, time.monotonic()
        self.facts: dict[str, Any] = {}
        self.comparison = self._comparison(client)
        self.notes = self.comparison.notes
        if options.method == "auto" and self.method == "spectral" and all(map(_may_be_map, pair.wholes)):
            self.notes += ("both are one band of whole numbers: if they are maps of classes, give --method classes",)

    def _comparison(self, client: Client | None) -> Comparison:
        """By the method, ready to begin."""
        if self.given:
            told = [date_of(s) for s in self.pair.wholes]
            self.facts = {"dates": [d.isoformat() if d else None for d in told]}
            before, after = (p for p in self.paths if p)
            return MapsCompared((before, after), self.pair, self.options)
        self.progress("measuring the shift", 0, 0)
        ready = Preflight.of(self.pair, self.options)
        self.pair, self.facts = ready.pair, ready.facts()
        if self.method == "spectral":
            return SpectralChange(ready, self.options)
        if self.method == "features":
            return SpectralChange(ready, self.options, Sights(ready, self.options))
        return ModelCompared(ready, self.options, client)

    def go(self, stage: Stage) -> ChangeResult:
        """All steps, in order."""
        drafts = stage.drafts
        maps, areas, facts = self._maps(stage)
        self.notes = tuple(dict.fromkeys((*self.notes, *self.comparison.notes)))
        with warnings.catch_warnings(), ThreadPoolExecutor(3) as beside:
            for message in MUTED:
                # muted where it arises too, which does not hold where several threads do so at a time
                warnings.filterwarnings("ignore", message=message)
            drawn = beside.submit(self._draw, drafts, maps, areas, [beside.submit(self._picture, k) for k in (0, 1)])
            polygons = write_polygons(drafts, maps, self.pair.before.meta, self.options.vectors)
            drawn.result()
        if self.method == "spectral" and areas.changed_share > MUCH:
            self.notes += (
                f"{areas.changed_share:.0%} of the ground is called changed: much of that may be light, season or "
                "shift; --method features keeps what a model sees changed as well, where one fits the scenes",
            )
        if not areas.total:
            self.notes += ("no pixel has data on both dates: the maps are empty",)
        summary = {
            "folder": str(stage.output),
            "before": self.pair.wholes[0].meta.name,
            "after": self.pair.wholes[1].meta.name,
            "method": self.method,
            "method_why": self.why,
            **self.facts,
            **facts,
            "min_probability": self.options.sure(self.method),
            "min_area": self.options.min_area,
            "change": areas.as_dict(maps),
            "polygons": polygons,
            "seconds": round(time.monotonic() - self.began, 3),
            "shards_reused": maps.kept.reused,
            "notes": list(self.notes),
        }
        text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
        (drafts / "summary.json").write_text(text, encoding="utf-8")
        days = [date.fromisoformat(d) for d in self.facts["dates"] if d]
        first, second = (Path(s.meta.name) for s in self.pair.wholes)
        name = default_output(first, second).name
        stage.commit(self._manifest(facts), partial(write_beside, name=name, days=days, page=self.options.report))
        return ChangeResult(stage.output, summary, self.notes)

    def _maps(self, stage: Stage) -> tuple[ChangeMaps, ChangeAreas, dict[str, Any]]:
        """The maps, how much changed, and what is told of the method; shards that the disk has damaged are made again.

        Raises:
            OutputError: time and again.
        """
        comparison, grid = self.comparison, self.pair.before.meta
        scheme = TransitionCodes(len(comparison.classes)) if comparison.classes else None
        workers = self.options.workers or len(sched_getaffinity(0))
        for _ in range(ROUNDS):
            kept = Kept(stage, grid.box, comparison.chunks, scheme)
            try:
                facts = comparison.compare(kept, self.progress)
                self.progress("writing results", 0, 0)
                maps = ChangeMaps(kept, comparison, grid.georef, stage.drafts, workers)
                return maps, maps.write(self.options.min_area), facts
            except DamagedShard:
                continue
        raise OutputError(f"{stage.folder}: shards do not read back as they were written; check the disk")

    def _draw(self, drafts: Path, maps: ChangeMaps, areas: ChangeAreas, pictures: list[Future[Any]]) -> None:
        """Table and pictures, one after the other."""
        write_matrix(drafts, maps, areas)
        write_picture(drafts, maps, areas, (pictures[0].result(), pictures[1].result()), self._titles())

    def _picture(self, date: int) -> Any:
        """One of the dates to be looked at ``(y, x, 3)``."""
        source = (self.pair.before, self.pair.after)[date]
        if not self.given:
            return stretched(*source.preview(shown_bands(source.meta.bands), side_px=SHOWN_PX))
        pixels, valid = source.preview([0], side_px=SHOWN_PX)
        legend = legend_of(self.pair.wholes[date])
        if not legend:
            return stretched(pixels, valid)
        return coloured(np.where(valid, pixels[0], 255).astype(np.uint8), legend)

    def _titles(self) -> tuple[str, str]:
        dates = self.facts["dates"]
        first, second = (s.meta.name for s in self.pair.wholes)
        return dates[0] or f"before: {first}", dates[1] or f"after: {second}"

    def _manifest(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Everything needed to make the same again."""
        scenes = [{"path": str(p) if p else None, **(file_hash(p) if p else {})} for p in self.paths]
        return made_by() | {
            "libraries": library_versions("scipy"),
            "before": scenes[0],
            "after": scenes[1],
            "method": self.method,
            "peak_memory_mb": round(peak_memory() / 1e6),
            "options": {k: getattr(self.options, k) for k in self.options.__dataclass_fields__},
            "pair": self.facts,
            "model": facts.get("model"),
        }
