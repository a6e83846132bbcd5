"""Plans and results as a notebook shows them: short tables, the notes, and the quicklook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoglm.io.report.page import snippet
from geoglm.io.report.parts import Bar, Bars, Facts, Notes, Part, Picture, Table
from geoglm.io.report.pictures import file_picture
from geoglm.jobs.report.shared import amount, seconds

if TYPE_CHECKING:
    from geoglm.jobs.plan import SegmentPlan
    from geoglm.jobs.result import SegmentResult

FIRST = 12
"""Kinds of change that are listed, the largest first."""


def segment_html(result: SegmentResult) -> str:
    """Areas of the classes, notes and quicklook of a segmentation."""
    known = any(c.hectares is not None for c in result.classes)
    bars = [
        Bar(c.name, c.colour, c.share, ((amount(c.hectares),) if known else ()) + (amount(c.pixels),))
        for c in result.classes
    ]
    parts: list[Part] = [Bars((("hectares",) if known else ()) + ("pixels",), bars), *_notes(result.notes)]
    return snippet("Land cover", str(result.folder), [*parts, *_quicklook(result.folder)])


def plan_html(plan: SegmentPlan) -> str:
    """What will be done, and why."""
    told = plan.describe()
    facts = {k.replace("_", " "): v for k, v in told.items() if not k.endswith("_why")}
    why = {k.removesuffix("_why").replace("_", " "): v for k, v in told.items() if k.endswith("_why")}
    parts: list[Part] = [Facts(facts), Facts(why, "Why", folded=True), *_notes(plan.notes)]
    return snippet(f"Plan for {plan.source.meta.name}", f"by {plan.package.card.name}", parts)


def change_html(folder: Path, summary: Mapping[str, Any]) -> str:
    """Kinds of change, largest first, notes and quicklook."""
    found = summary["change"]
    unit = {"ha": "hectares", "px": "pixels"}[found["unit"]]
    kinds = sorted((k for k in found["kinds"] if k["pixels"]), key=lambda k: -k["area"])
    rows = [(k["name"], amount(k["area"]), f"{k['share']:.2%}") for k in kinds[:FIRST]]
    told = f"The largest {FIRST} of {len(kinds)} kinds." if len(kinds) > FIRST else ""
    facts = {
        "method": f"{summary['method']} ({summary['method_why']})",
        "changed": f"{found['changed_share']:.2%} of {amount(found['judged'])} {unit}",
        "time": seconds(summary["seconds"]),
    }
    dates = (d or n for d, n in zip(summary["dates"], (summary["before"], summary["after"]), strict=True))
    parts: list[Part] = [Facts(facts), Table(("kind", unit, "share"), rows, told), *_notes(summary["notes"])]
    return snippet("Change from {} to {}".format(*dates), str(folder), [*parts, *_quicklook(folder)])


def series_html(folder: Path, summary: Mapping[str, Any]) -> str:
    """When places first changed, notes and quicklook."""
    days, found = [d["date"] for d in summary["dates"]], summary["change"]
    rows = [(c["date"], amount(c["area"]), f"{c['share']:.2%}") for c in found["first_change"]]
    parts: list[Part] = [Table(("first changed", found["unit"], "share"), rows), *_notes(summary["notes"])]
    return snippet(f"{days[0]} to {days[-1]}: {len(days)} dates", str(folder), [*parts, *_quicklook(folder)])


def _notes(lines: Sequence[str]) -> list[Notes]:
    return [Notes(lines)] if lines else []


def _quicklook(folder: Path) -> list[Picture]:
    """If it is still there."""
    path = folder / "quicklook.png"
    return [file_picture(path, "quicklook.png")] if path.is_file() else []
