"""``geoglm segment``: a scene in; classes, confidence, polygons, quicklook, summary and manifest out."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import OutOfMemory, OutputError, SceneError, SceneUnreachable, SceneUnreadable
from geoglm.io.class_raster import ClassRaster, ConfidenceRaster
from geoglm.io.geotiff import RasterFile
from geoglm.io.guard.trust import trust
from geoglm.io.journal import OUTPUTS, DamagedShard, Stage
from geoglm.io.polygon_table import Legend, PolygonTable
from geoglm.io.products.product import scene_stem
from geoglm.io.remote import SceneRef, scene_ref
from geoglm.io.report.parts import Picture
from geoglm.io.report.pictures import SIDE_PX, stretched_picture
from geoglm.io.series.days import day_of
from geoglm.io.style_files import style_classes, style_percent, style_polygons
from geoglm.io.vectors import AreaOfInterest
from geoglm.jobs.budget import peak_memory
from geoglm.jobs.cache import cache_folder
from geoglm.jobs.far import read_ahead
from geoglm.jobs.frugal import leaner
from geoglm.jobs.info import planned_facts
from geoglm.jobs.manifest import describe_run
from geoglm.jobs.maps import Maps
from geoglm.jobs.notebook.bar import barred
from geoglm.jobs.pace import remember
from geoglm.jobs.paced import LevelNotes, PacedScorer, after_s, remember_after
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.planning import make_plan
from geoglm.jobs.progress import Progress, silent
from geoglm.jobs.readiness import get_ready
from geoglm.jobs.report.beside import write_beside
from geoglm.jobs.result import SegmentResult, class_table
from geoglm.jobs.scorer import ShardScorer
from geoglm.jobs.seen import Seen, stamp
from geoglm.jobs.stopping import Stopped, patiently
from geoglm.jobs.stopping import check as check_stop
from geoglm.jobs.workplace import find_workplace, score_shards
from geoglm.options import SegmentOptions
from geoglm.registry.match import shown_bands
from geoglm.tiling.shards import Shard
from geoglm.types import Scores

if TYPE_CHECKING:
    from distributed import Client

ROUNDS = 3
"""How often shards that are damaged while the maps are put together are scored again."""


def default_output(scene: SceneRef) -> Path:
    """The folder in which results are put unless said otherwise: beside a scene, here for one that is elsewhere."""
    name = f"{scene_stem(scene)}-geoglm"
    return scene.with_name(name) if isinstance(scene, Path) else Path(name)


def plan_file(scene: SceneRef, options: SegmentOptions) -> SegmentPlan:
    """The plan for a scene in a file."""
    return make_plan(RasterFile(scene, resample=options.resample), options)


def rehearse(scene: SceneRef, output: Path, options: SegmentOptions) -> dict[str, Any]:
    """What `segment_file` would do, as `geoglm.jobs.info.planned_facts` tells it; nothing is written.

    Raises:
        GeoglmError: whatever `segment_file` would refuse before it begins.
    """
    plan = plan_file(scene, options)
    _checked_folder(output, scene)
    aoi = _area(plan)
    return planned_facts(scene, replace(plan, notes=(*plan.notes, *([aoi.note] if aoi and aoi.note else []))))


@barred
def segment_file(
    scene: str | SceneRef,
    output: str | Path,
    options: SegmentOptions,
    progress: Progress = silent,
    *,
    client: Client | None = None,
) -> SegmentResult:
    """Segment the raster at `scene`, a path or a URL (see `geoglm.io.remote`), into the folder `output`.

    Interrupted at any point, nothing in `output` looks finished; the same call goes on from the finished
    shards, with the same result.

    Args:
        progress: called with the phase, and the pixels done and to do in it; a notebook shows a bar without it.
        client: of a dask cluster, on whose workers shards are scored, whatever the options say.

    Where memory runs out, fewer workers and then smaller patches go on, and a note says so.

    Raises:
        GeoglmError: of the kind that says what is wrong.
        Stopped: a signal came; finished shards are kept.
    """
    began, scene, folder = time.monotonic(), scene_ref(scene), Path(output)
    notes: tuple[str, ...] = ()
    while True:
        before = stamp(scene)
        source = RasterFile(scene, resample=options.resample, trusted=trust().within(options.memory))
        seen = Seen(scene, source.facts, before)
        plan = make_plan(source, options)
        try:
            return _attempt(
                replace(plan, notes=plan.notes + notes), seen, folder, progress=progress, client=client, began=began
            )
        except OutOfMemory as error:
            options, note = leaner(plan, error)
            notes = (*notes, note)


def _attempt(
    plan: SegmentPlan, seen: Seen, output: Path, *, progress: Progress, client: Client | None, began: float
) -> SegmentResult:
    """`segment_file` as planned.

    Raises:
        OutOfMemory: that takes more memory than there is.
    """
    output = _checked_folder(output, seen.scene)
    aoi = _area(plan)
    notes = () if aoi is None or aoi.note is None else (aoi.note,)
    stage = Stage(output, f"{plan.key} {seen.key}")
    with stage.held(), patiently():
        try:
            return _Run(
                replace(plan, notes=plan.notes + notes), seen, stage, aoi, progress=progress, client=client, began=began
            ).go()
        except Stopped as stop:
            stop.told = (
                f"{stage.finished()} of {len(plan.layout)} shards are finished, the same command goes on from there"
            )
            raise
        except (SceneError, OSError):
            with suppress(SceneUnreadable, SceneUnreachable):
                seen.check()  # a scene that was cut or taken away is told as that, whatever came of it
            raise


def _area(plan: SegmentPlan) -> AreaOfInterest | None:
    """The area of interest, if there is one."""
    aoi, meta = plan.options.aoi, plan.source.meta
    return None if aoi is None else AreaOfInterest(aoi, meta.georef, meta.box)


def _checked_folder(output: Path, scene: SceneRef) -> Path:
    """The folder as an absolute path with links followed.

    Raises:
        OutputError: it is a file, cannot be, or the scene itself would be overwritten.
    """
    try:
        folder = output.resolve()
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{output}: is a file; -o wants a folder")
    except OSError as error:
        raise OutputError(f"{output}: cannot be a folder ({error.strerror}); choose another -o") from error
    if isinstance(scene, Path) and scene.resolve().parent == folder and scene.stem in OUTPUTS:
        raise OutputError(f"{output}: the results would overwrite {scene.name} itself; choose another -o")
    return folder


class _Run:
    """One segmentation on its way: timings and reporting shared by its steps."""

    def __init__(
        self,
        plan: SegmentPlan,
        seen: Seen,
        stage: Stage,
        aoi: AreaOfInterest | None,
        *,
        progress: Progress,
        client: Client | None,
        began: float,
    ) -> None:
        self.plan, self.seen, self.stage, self.aoi = plan, seen, stage, aoi
        self.client, self.began, self._report = client, began, progress
        self.levels = LevelNotes(stage.folder / "levels.json")
        self.where = "nowhere: all shards were finished"
        self.seconds: dict[str, float] = {}
        self.reused = 0
        self.meta = plan.source.meta
        self.scheme = plan.package.card.classes
        self.maps = Maps(plan, stage)

    def go(self) -> SegmentResult:
        """All steps, in order."""
        began = time.monotonic()
        get_ready(self.plan)
        day = day_of(self.meta, self.seen.scene)
        runtime = self._infer()
        self._note("network", began)
        began = scored = time.monotonic()
        counts = self._sound_rasters()
        self._note("raster", began)
        began = time.monotonic()
        self._vectors()
        self._note("polygons", began)
        began = time.monotonic()
        result = self._result(counts)
        picture = self._quicklook(result)
        self._note("quicklook", began)
        self._styles()
        (self.stage.drafts / "summary.json").write_text(json.dumps(result.as_dict(), indent=2) + "\n", encoding="utf-8")
        manifest = describe_run(self.plan, self.seen.scene, runtime, self.seen.facts)
        manifest["scheduler"] = self.where
        manifest["peak_memory_mb"] = round(peak_memory() / 1e6)
        if (budget := self.plan.options.time_budget) is not None:
            manifest["resolution"] = self.levels.told(budget, self.plan.layout)
        self.seen.check()  # the quicklook was the last to read it
        check_stop()
        name, days = default_output(self.seen.scene).name, [day.day] if day else []
        page = self.plan.options.report
        self.stage.commit(manifest, partial(write_beside, name=name, days=days, page=page, scene=[picture]))
        if self.reused < len(self.plan.layout):
            remember_after(self.plan, time.monotonic() - scored)
        return result

    def progress(self, phase: str, done: int, total: int) -> None:
        """Report, or end here if a signal came."""
        self._report(phase, done, total)
        check_stop()

    def _note(self, phase: str, began: float) -> None:
        self.seconds[phase] = time.monotonic() - began

    def _infer(self) -> str:
        """Score every shard that is not finished yet; what computed them."""
        plan, stage = self.plan, self.stage
        noted = plan.options.time_budget is None
        finished_before = {
            s.name for s in plan.layout if (noted or s.name in self.levels.factors) and stage.has_shard(s.name)
        }
        done, left = ([s for s in plan.layout if (s.name in finished_before) == f] for f in (True, False))
        self.reused = len(done)
        total, finished = self.meta.box.area, sum(s.box.area for s in done)
        if not left:
            return "none: all shards were finished"
        self.progress("loading the network", 0, 0)
        counting = threading.Lock()

        def keep(shard: Shard, scores: Scores) -> None:
            nonlocal finished
            self.maps.keep(shard, scores)
            with counting:
                finished += shard.box.area
                self.progress("segmenting", finished, total)

        place = find_workplace(plan.options.scheduler, threads=plan.workers, client=self.client)
        self.where = place.where
        budget = plan.options.time_budget
        with read_ahead(plan, left if place.open is None and budget is None else ()) as near:
            scorer = ShardScorer(near, self.aoi)
            if budget is not None:
                deadline = self.began + budget - after_s(plan)
                scorer = PacedScorer(plan, self.aoi, shards=left, deadline=deadline, notes=self.levels)
                scorer.load()  # what its first parts take is not to be what loading takes
            began = time.monotonic()
            runtime = score_shards(scorer, left, keep, place, lambda: self._report("segmenting", finished, total))
        self.seen.check()
        share = 1 - sum(s.box.area for s in done) / total
        if place.open is None and budget is None:
            remember(cache_folder(), plan.pace_key, plan.tile_px * share / max(time.monotonic() - began, 1e-6))
        return runtime

    def _sound_rasters(self) -> NDArray[np.int32]:
        """See `_rasters`; shards that the disk has damaged since are scored again.

        Raises:
            OutputError: time and again.
        """
        for _ in range(ROUNDS):
            try:
                return self._rasters()
            except DamagedShard:
                self.maps = Maps(self.plan, self.stage)
                self._infer()
        raise OutputError(f"{self.stage.folder}: shards do not read back as they were written; check the disk")

    def _rasters(self) -> NDArray[np.int32]:
        """Shards into files; ``(y, class)`` pixels of each class in each row."""
        self.maps.write(lambda done, total: self.progress("writing rasters", done, total))
        least = self.plan.options.min_area
        return self.maps.merge_small(least) if least > 0 else self.maps.counts()

    def _vectors(self) -> None:
        """Polygons, where they are wanted."""
        kind = self.plan.options.vectors
        if kind == "none":
            return
        from geoglm.jobs.vectorize import write_traced

        table = PolygonTable(self.meta.georef, Legend.of(self.scheme), confident=True)
        write_traced(self._rows(), self.meta, table, self.stage.drafts / f"polygons.{kind}")

    def _rows(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Classes and confidence from top to bottom."""
        classes = ClassRaster(self.maps.path("classes"))
        confidence, top = ConfidenceRaster(self.maps.path("confidence"), classes), 0
        for codes in classes.rows():
            yield codes, confidence.read(top, len(codes))
            top += len(codes)
            self.progress("tracing polygons", top * self.meta.width, self.meta.box.area)

    def _result(self, counts: NDArray[np.int32]) -> SegmentResult:
        """Areas of all classes."""
        table, valid = class_table(self.scheme, counts, self.meta.georef, self.meta.width)
        invalid = self.meta.box.area - valid
        coarse = self.levels.note(self.plan.layout) if self.plan.options.time_budget is not None else None
        notes = (
            self.plan.notes
            + ((coarse,) if coarse else ())
            + (() if valid else ("the scene has no valid pixel: the maps are empty",))
        )
        return SegmentResult(self.stage.output, table, valid, invalid, self.seconds, notes, self.reused)

    def _quicklook(self, result: SegmentResult) -> Picture:
        """Draw it; the scene as it looks."""
        from geoglm.io.quicklook import side_shown, stretched, write_quicklook

        side = side_shown(self.meta.box.shape)
        colours = [self.plan.bands[k] for k in shown_bands(self.plan.package.card.bands)]
        scene = stretched(*self.plan.source.preview(colours, side_px=max(side, SIDE_PX)))
        maps = (RasterFile(self.maps.path(n)).preview([0], side_px=side)[0][0] for n in ("classes", "confidence"))
        classes, confidence = (np.asarray(m, np.uint8) for m in maps)
        write_quicklook(
            self.stage.drafts / "quicklook.png",
            scene,
            classes,
            confidence,
            self.scheme,
            shares={c.value: c.share for c in result.classes},
            title=f"{self.meta.name} · {self.plan.package.card.name} {self.plan.package.card.version}",
        )
        return stretched_picture(scene, "Scene")

    def _styles(self) -> None:
        """Styles beside the outputs."""
        style_classes(self.maps.path("classes"), self.scheme)
        for name in [n for n in self.maps.layers if n not in ("classes", "probabilities")]:
            style_percent(self.maps.path(name))
        if self.plan.options.vectors != "none":
            style_polygons(self.stage.drafts, self.scheme)
