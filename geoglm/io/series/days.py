"""When a scene was taken, by what its item, its tags or its name say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from geoglm.errors import SeriesError
from geoglm.io.remote import Remote, SceneRef
from geoglm.types import SceneMeta

TAKEN = ("ACQUI", "SENSING")
"""Parts of the names of tags that tell when a scene was taken."""

WRITTEN = "TIFFTAG_DATETIME"
"""The tag that many programs set to the day on which they wrote the file; taken where nothing else is known."""


@dataclass(frozen=True, slots=True, order=True)
class Day:
    """A day, and what told it."""

    day: date
    told_by: str

    def __str__(self) -> str:
        return self.day.isoformat()


def day_of(meta: SceneMeta, scene: SceneRef | None, *, exact: bool = False) -> Day | None:
    """The day a scene was taken; None where nothing tells it.

    Asked in turn: a STAC item, tags of an acquisition, the names of its product, its file and its folder, and last the
    tag in which programs write when they wrote the file.

    Args:
        scene: where it lies; None for one in memory.
        exact: neither the middle of a month or year nor the day of writing is good enough.
    """
    for told_by, text, understand in _sources(meta, scene):
        vague = understand is month_or_year or WRITTEN in told_by
        if not (exact and vague) and (day := understand(text)) is not None:
            return Day(day, told_by)
    return None


def _sources(meta: SceneMeta, scene: SceneRef | None) -> Iterator[tuple[str, str, Callable[[str], date | None]]]:
    """What tells, its words, and how they are understood."""
    if isinstance(scene, Remote) and scene.is_item:
        item = json.loads(scene.text()).get("properties", {})
        yield "STAC item", str(item.get("datetime") or item.get("start_datetime") or ""), whole_day
    tags = [(k, v) for k, v in meta.product if k != "path"]
    for name, value in tags:
        if any(word in name.upper() for word in TAKEN):
            yield f"tag {name}", value, whole_day
    for name, value in tags:
        if "PRODUCT" in name.upper():
            yield f"tag {name}", value, whole_day
    names = [("file name", meta.name)]
    if isinstance(scene, Path):
        names.append(("folder name", scene.absolute().parent.name))
    for told_by, name in names:
        yield told_by, name, whole_day
    for told_by, name in names:
        yield told_by, name, month_or_year
    yield f"tag {WRITTEN}", dict(tags).get(WRITTEN, ""), whole_day


def whole_day(text: str) -> date | None:
    """The first day in a text, such as 20190701, 2019-07-01, 2019_07_01 or 2019:07:01; None where there is none.

    >>> whole_day("S2A_MSIL1C_20170216T102101"), whole_day("LC08_2017_02_30")
    (datetime.date(2017, 2, 16), None)
    """
    for year, month, day in re.findall(r"(?<!\d)((?:19|20)\d\d)[-_.:]?(\d\d)[-_.:]?(\d\d)(?!\d)", text):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def month_or_year(text: str) -> date | None:
    """The middle of the only month or year in a text, such as 2019-07, 201907 or 2019; None where there is none.

    >>> month_or_year("barkbeetle_201909"), month_or_year("map2019"), month_or_year("2019-to-2021")
    (datetime.date(2019, 9, 15), datetime.date(2019, 7, 1), None)
    """
    found = re.findall(r"(?<!\d)((?:19|20)\d\d)(?:[-_.]?(0[1-9]|1[0-2]))?(?!\d)", text)
    if len(found) != 1:
        return None
    year, month = found[0]
    return date(int(year), int(month), 15) if month else date(int(year), 7, 1)


def stated(text: str) -> Day:
    """A day as the user states it.

    Raises:
        SeriesError: it is none.

    >>> [str(stated(d)) for d in ("20190701", "2020-07", "2021")]
    ['2019-07-01', '2020-07-15', '2021-07-01']
    """
    day = None
    if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text):
        day = whole_day(text)
    elif re.fullmatch(r"\d{4}(-?\d\d)?", text):
        day = month_or_year(text)
    if day is None:
        raise SeriesError(f"date {text!r} is none; write it as 2019-07-01, 2019-07 or 2019")
    return Day(day, "stated")
