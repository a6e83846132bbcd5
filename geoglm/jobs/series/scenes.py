"""The scenes of a series in the order of their dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from geoglm.errors import SeriesError
from geoglm.io.geotiff import RasterFile
from geoglm.io.remote import SceneRef, scene_ref
from geoglm.io.series.days import Day, day_of

FEWEST = 3
MOST = 200
"""Dates that make a series: two are a comparison, and the map of first change numbers them in a byte."""

SEASON_DAYS = 45
"""Days of the year apart from which the season may look like change."""


@dataclass(frozen=True, slots=True, eq=False)
class Dated:
    """A scene, opened, and when it was taken."""

    scene: SceneRef
    source: RasterFile
    day: Day


def dated(scenes: Sequence[str | SceneRef], days: Sequence[Day] | None, *, resample: float | None) -> list[Dated]:
    """Open scenes, and put them in the order of their dates.

    Args:
        days: as the user states them, in the order of `scenes`; None to look for them.
        resample: metres at which the scenes are read; None for their own.

    Raises:
        SeriesError: there are too few or too many, a date cannot be found, or two are the same.
        SceneError: a scene cannot be read.
    """
    if not FEWEST <= len(scenes) <= MOST:
        told = "two dates are compared by geoglm change" if len(scenes) == 2 else "leave some out"
        raise SeriesError(f"{len(scenes)} scenes make no series; give {FEWEST} to {MOST} ({told})")
    if days is not None and len(days) != len(scenes):
        raise SeriesError(f"{len(days)} dates are stated for {len(scenes)} scenes; state one for each, in their order")
    refs = [scene_ref(s) for s in scenes]
    found = []
    for number, ref in enumerate(refs):
        source = RasterFile(ref, resample=resample)
        day = days[number] if days is not None else day_of(source.meta, ref)
        if day is None:
            raise SeriesError(
                f"{ref}: nothing tells when it was taken; state the dates of all scenes in their order with --dates, "
                "e.g. --dates 2019-07-01,2020-07,2021"
            )
        found.append(Dated(ref, source, day))
    found.sort(key=lambda d: d.day)
    for one, other in pairwise(found):
        if one.day.day == other.day.day:
            raise SeriesError(
                f"{one.scene} and {other.scene} are both of {one.day}, by {one.day.told_by} and {other.day.told_by}; "
                "join tiles of one day into a VRT, or state other dates with --dates"
            )
    return found


def season_note(series: Sequence[Dated]) -> tuple[str, ...]:
    """A line on dates that lie in different seasons."""
    of_year = [d.day.day.timetuple().tm_yday for d in series]
    apart = max(min(abs(a - b), 365 - abs(a - b)) for a in of_year for b in of_year)
    if apart <= SEASON_DAYS:
        return ()
    return ("the dates are of different seasons: leaves, crops and shadows will look like change",)
