"""``geoglm series``: many dates of one place in; consistent maps, first changes and areas over time out."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from geoglm.errors import GeoglmError, OutputError, SceneChanged, SeriesError
from geoglm.io.geotiff import scene_files
from geoglm.io.journal import DamagedShard, Stage
from geoglm.io.products.product import scene_stem
from geoglm.io.remote import SceneRef, scene_ref
from geoglm.io.series.days import stated
from geoglm.io.series.stack import Stack
from geoglm.jobs.manifest import quick_key
from geoglm.jobs.notebook.bar import barred
from geoglm.jobs.progress import Progress, silent
from geoglm.jobs.report.beside import write_beside
from geoglm.jobs.result import DatedResult
from geoglm.jobs.series.areas import SeriesAreas
from geoglm.jobs.series.blocks import Blocks
from geoglm.jobs.series.manifest import describe_series
from geoglm.jobs.series.maps import Counts, SeriesMaps
from geoglm.jobs.series.options import SeriesOptions
from geoglm.jobs.series.outputs import write_areas, write_quicklook, write_styles
from geoglm.jobs.series.scenes import Dated, dated, season_note
from geoglm.jobs.series.seen import Seen, are_maps, given_maps, mapped_by_model
from geoglm.options import SegmentOptions
from geoglm.stats.series.chain import Chain
from geoglm.version import __version__

ROUNDS = 3
"""How often blocks are made again that do not read back as they were written."""

HELD, RESAMPLED = 24, 9
"""Bytes that a block holds for a pixel: of each date besides a byte for each class, and of a class while it is read."""


class SeriesResult(DatedResult):
    """What a series leaves."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        from geoglm.jobs.notebook.shown import series_html

        return series_html(self.folder, self.summary)


def default_output(scenes: Sequence[str | SceneRef]) -> Path:
    """The folder in which results are put unless said otherwise: beside the first scene, here for one elsewhere."""
    first = scene_ref(scenes[0])
    name = f"{scene_stem(first)}-series"
    return first.with_name(name) if isinstance(first, Path) else Path(name)


@barred
def series(
    scenes: Sequence[str | SceneRef],
    output: str | Path | None = None,
    *,
    dates: Sequence[str] | None = None,
    progress: Progress = silent,
    segment: SegmentOptions | None = None,
    **choices: Any,
) -> SeriesResult:
    """What a place was on three or more dates, each in the light of all others, into the folder `output`.

    Scenes are segmented by one model, each into ``dates/DAY``, where a later call finds it again; maps of classes are
    taken as they are. They may differ in CRS, grid, resolution and extent: the coarsest grid is taken, and what all
    dates have in common is judged. A pixel without data on some dates is filled from its others. Memory is bounded,
    however large the scenes are, and a call that was stopped goes on where it was.

    Args:
        scenes: paths or URLs, in any order.
        output: folder for the results; None for one beside the first scene.
        dates: of the scenes in their order, such as ``2019-07-01``, ``2019-07`` or ``2019``; None to find them in
            STAC items, tags or names.
        segment: how scenes are segmented; None for as `geoglm.segment` does.
        choices: fields of `SeriesOptions`, e.g. ``stay=0.95``, and of `SegmentOptions`, e.g. ``model="..."``.

    Returns:
        Facts and areas; maps, table and pictures lie in the folder.

    Raises:
        GeoglmError: of the kind that says what is wrong.
    """
    options, asked = _chosen(choices, segment or SegmentOptions())
    if isinstance(scenes, str | Path):
        raise SeriesError(f"{scenes}: is one scene; give a list of three or more")
    days = None if dates is None else [stated(d) for d in dates]
    found = dated(scenes, days, resample=asked.resample)
    folder = _checked(Path(output) if output else default_output(scenes), found)
    keys = [key_of(d) for d in found]
    shaping = replace(asked, workers=0), replace(options, report=True)
    stage = Stage(folder, f"series {__version__} {keys} {shaping}")
    run = _Run(found, keys, stage, options, asked, progress=progress)
    with stage.held():
        return run.go()


def key_of(date: Dated) -> str:
    """Changes when the scene is another, or of another day."""
    return f"{date.day} {quick_key(scene_files(date.scene), date.source.facts)}"


def _chosen(choices: dict[str, Any], segment: SegmentOptions) -> tuple[SeriesOptions, SegmentOptions]:
    own, others = SeriesOptions.__dataclass_fields__, SegmentOptions.__dataclass_fields__
    if wrong := [c for c in choices if c not in own and c not in others]:
        raise GeoglmError(f"series has no choice {wrong[0]!r}; there are {', '.join((*own, *others))}")
    asked = {k: v for k, v in choices.items() if k not in own}
    return SeriesOptions(**{k: v for k, v in choices.items() if k in own}), replace(segment, **asked)


class _Run:
    """One series on its way."""

    def __init__(
        self,
        dates: Sequence[Dated],
        keys: Sequence[str],
        stage: Stage,
        options: SeriesOptions,
        segment: SegmentOptions,
        *,
        progress: Progress,
    ) -> None:
        self.dates, self.keys, self.stage, self.options, self.segment = dates, keys, stage, options, segment
        self.progress, self.began = progress, time.monotonic()
        self.given = are_maps(dates, segment)
        self.stack = Stack.of([d.source for d in dates])
        self.names = [str(d.day) for d in dates]

    def go(self) -> SeriesResult:
        """All steps, in order."""
        seen = self._seen()
        maps, blocks = self._maps(seen)
        areas = SeriesAreas.of(self._counted(maps, blocks), self.stack.grid)
        self._check()
        write_styles(maps)
        write_areas(maps, areas, [d.day.day for d in self.dates])
        write_quicklook(maps, areas)
        summary = self._summary(seen, areas)
        drafts = self.stage.drafts
        text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
        (drafts / "summary.json").write_text(text, encoding="utf-8")
        facts = {"options": self._terms(seen), "segment": str(None if self.given else self.segment), **seen.facts}
        name = default_output([d.scene for d in self.dates]).name
        beside = partial(write_beside, name=name, days=[d.day.day for d in self.dates], page=self.options.report)
        self.stage.commit(describe_series(self.dates, facts), beside)
        return SeriesResult(self.stage.output, summary, tuple(summary["notes"]))

    def _seen(self) -> Seen:
        """What the dates say by themselves."""
        if self.given:
            return given_maps(self.dates, self.stack, noise=self.options.noise)
        return mapped_by_model(self.dates, self.stack, self.segment, self.stage.output, self.progress)

    def _maps(self, seen: Seen) -> tuple[SeriesMaps, Blocks]:
        """The maps to be made, and how they are worked on."""
        chain = Chain(len(seen.legend), self.options.stay)
        change = chain.between([d.day.day for d in self.dates])
        held = len(self.dates) * (len(seen.legend) + HELD) + RESAMPLED * len(seen.legend)
        side = self.options.block_px
        blocks = Blocks.within(self.segment.memory, held, workers=self.segment.workers, side_px=side)
        neighbours = self.options.neighbours
        maps = SeriesMaps(
            self.stack.grid, seen, change, self.names, self.stage, neighbours=neighbours, block_px=blocks.side_px
        )
        return maps, blocks

    def _counted(self, maps: SeriesMaps, blocks: Blocks) -> Counts:
        """Smooth what is not smoothed yet, and write the maps; blocks that do not read back are made again.

        Raises:
            OutputError: time and again.
        """
        for _ in range(ROUNDS):
            blocks.run(maps.left, maps.work, partial(self.progress, "smoothing"))
            try:
                maps.write(partial(self.progress, "writing rasters"), workers=blocks.workers)
                return maps.counts()
            except DamagedShard:
                maps.forget()
        raise OutputError(f"{self.stage.folder}: blocks do not read back as they were written; check the disk")

    def _check(self) -> None:
        """Look whether the scenes are still what they were.

        Raises:
            SceneChanged: one is not.
        """
        for date, key in zip(self.dates, self.keys, strict=True):
            if key_of(date) != key:
                raise SceneChanged(date.scene)

    def _terms(self, seen: Seen) -> dict[str, Any]:
        """What was taken for granted."""
        told = {"stay_a_year": self.options.stay, "neighbours": self.options.neighbours}
        return told | ({"noise": self.options.noise} if self.given and not all(seen.facts["confidence"]) else {})

    def _summary(self, seen: Seen, areas: SeriesAreas) -> dict[str, Any]:
        grid = self.stack.grid
        notes = (*self.stack.notes, *(() if self.given else season_note(self.dates)), *seen.notes)
        if not areas.total:
            notes += ("no pixel has data on any date: the maps are empty",)
        return {
            "folder": str(self.stage.output),
            "dates": [
                {"date": str(d.day), "told_by": d.day.told_by, "scene": str(d.scene), "seen_share": round(share, 6)}
                for d, share in zip(self.dates, areas.seen.tolist(), strict=True)
            ],
            "grid": {"width": grid.width, "height": grid.height, "gsd_m": grid.gsd},
            **seen.facts,
            **self._terms(seen),
            "change": areas.changes(self.names),
            "areas": areas.rows(self.names, seen.legend),
            "seconds": round(time.monotonic() - self.began, 3),
            "notes": list(dict.fromkeys(notes)),
        }


def _checked(output: Path, dates: Sequence[Dated]) -> Path:
    """The folder as an absolute path; it must be none that would overwrite a scene."""
    folder = output.resolve()
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{output}: is a file; -o wants a folder")
    mine = {f"{kind}-{d.day}.tif" for d in dates for kind in ("classes", "confidence")} | {"first-change.tif"}
    for date in dates:
        scene = date.scene
        if isinstance(scene, Path) and scene.resolve().parent == folder and scene.name in mine:
            raise OutputError(f"{output}: the results would overwrite {scene.name} itself; choose another -o")
    return folder
