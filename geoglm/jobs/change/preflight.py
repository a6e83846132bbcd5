"""Before two dates are compared: what they have in common, when they are from, and how they lie to each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from geoglm.errors import SceneMismatch
from geoglm.io.change.scene_pair import ScenePair
from geoglm.io.geotiff import RasterFile
from geoglm.io.label_names import plain
from geoglm.io.series.days import day_of
from geoglm.io.source import Source
from geoglm.jobs.change.options import ChangeOptions
from geoglm.jobs.change.threads import Threads
from geoglm.stats.shift import Shift, robust_shift, tile_shift, tiles_of
from geoglm.types import PixelBox, SceneMeta

WORRYING_PX = 0.5
"""Shift from which edges look like change."""

SEASON_DAYS = 45
"""Days of the year apart from which the season may look like change."""

Bands = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Preflight:
    """A pair that is ready to be compared.

    Args:
        pair: on one grid; co-registered where that was asked for.
        bands: indices of the bands of either date that are compared, counted from 0.
        dates: of either scene, None where it does not tell.
        shift: of the second date against the first as measured, None where nothing could be.
        left: the shift that is left after co-registration, None without one.
        notes: what the user should know.
    """

    pair: ScenePair
    bands: tuple[Bands, Bands]
    dates: tuple[date | None, date | None]
    shift: Shift | None
    left: Shift | None
    notes: tuple[str, ...]

    @classmethod
    def of(cls, pair: ScenePair, options: ChangeOptions) -> Preflight:
        """Look at a pair of images; measure the shift, and take it back if asked to.

        Raises:
            SceneMismatch: the bands do not fit.
        """
        metas = pair.wholes[0].meta, pair.wholes[1].meta
        threads = Threads.within(options, 0)
        bands = bands_of(metas, options.bands)
        dates = date_of(pair.wholes[0]), date_of(pair.wholes[1])
        notes = [*pair.notes, *_seasons(*dates)]
        shift, left = measured(pair, bands, threads), None
        if shift is None:
            notes.append("no shift could be measured: the dates have too little in common, or too little valid ground")
        elif options.coregister:
            pair = pair.coregistered(shift)
            left = measured(pair, bands, threads)
            notes.append(f"the second date lay {shift.length:.2f} px away and was moved back")
        elif shift.length > WORRYING_PX:
            notes.append(
                f"the second date lies {shift.length:.2f} px away from the first: edges will look like change; "
                "--coregister moves it back"
            )
        return cls(pair, bands, dates, shift, left, tuple(notes))

    def facts(self) -> dict[str, Any]:
        """For summary and manifest."""
        overlap, grid = self.pair.overlap, self.pair.before.meta
        return {
            "dates": [d.isoformat() if d else None for d in self.dates],
            "grid": {"width": grid.width, "height": grid.height, "gsd_m": grid.gsd},
            "resampled": self.pair.resampled or None,
            "overlap": {"before": round(overlap[0], 4), "after": round(overlap[1], 4)},
            "bands": {"before": [b + 1 for b in self.bands[0]], "after": [b + 1 for b in self.bands[1]]},
            "shift_px": _told(self.shift),
            "shift_px_left": _told(self.left),
        }


def _told(shift: Shift | None) -> dict[str, Any] | None:
    if shift is None:
        return None
    return {
        "rows": round(shift.rows, 3),
        "cols": round(shift.cols, 3),
        "spread": shift.spread,
        "tiles": shift.tiles,
    }


def bands_of(metas: tuple[SceneMeta, SceneMeta], asked: Bands | None) -> tuple[Bands, Bands]:
    """Which bands are compared: those asked for, those of the same names, or all of both.

    Raises:
        SceneMismatch: a band is not there, or is a palette.
    """
    for meta in metas:
        if "palette" in meta.bands:
            raise SceneMismatch(
                f"{meta.name} is a palette image, whose numbers are no brightness; compare it with --method classes"
            )
        if asked and max(asked) > len(meta.bands):
            raise SceneMismatch(f"{meta.name} has {len(meta.bands)} bands, not {max(asked)}; choose --bands among them")
    if asked:
        chosen = tuple(b - 1 for b in asked)
        return chosen, chosen
    first, second = ([plain(n) for n in m.bands] for m in metas)
    if all(first) and all(second) and len(set(first)) == len(first) and len(set(second)) == len(second):
        common = [n for n in first if n in second]
        if common:
            return tuple(first.index(n) for n in common), tuple(second.index(n) for n in common)
    return tuple(range(len(first))), tuple(range(len(second)))


def date_of(source: Source) -> date | None:
    """The day a scene was taken, where its acquisition, its product or its name tells it to the day."""
    found = day_of(source.meta, source.path if isinstance(source, RasterFile) else None, exact=True)
    return None if found is None else found.day


def _seasons(before: date | None, after: date | None) -> list[str]:
    """Lines on dates that cannot carry a conclusion."""
    if before is None or after is None:
        return []
    if after == before:
        return [f"both scenes are of {after}: what differs between them is no change over time"]
    if after < before:
        return [f"the second date, {after}, is before the first, {before}: swap them if that is not meant"]
    apart = abs(before.timetuple().tm_yday - after.timetuple().tm_yday)
    if min(apart, 365 - apart) > SEASON_DAYS:
        return [f"{before} and {after} are of different seasons: leaves, crops and shadows will look like change"]
    return []


def measured(pair: ScenePair, bands: tuple[Bands, Bands], threads: Threads) -> Shift | None:
    """The shift between the dates, from tiles all over the overlap."""

    def look(box: PixelBox) -> tuple[float, float] | None:
        before, here = pair.before.read(box, bands[0])
        after, there = pair.after.read(box, bands[1])
        return tile_shift(before, after, here & there)

    told = threads.map(list(tiles_of(pair.before.meta.box)), look)
    return robust_shift([t for t in told if t is not None])
