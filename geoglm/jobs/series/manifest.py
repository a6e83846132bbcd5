"""The manifest of a series: what it was made from, with what, by which command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geoglm.jobs.manifest import file_hash, library_versions, made_by
from geoglm.jobs.series.scenes import Dated


def describe_series(dates: Sequence[Dated], facts: dict[str, Any]) -> dict[str, Any]:
    """Everything needed to make the same series again, without credentials.

    Args:
        facts: what was chosen and how the dates were seen.
    """
    scenes = [
        {"date": str(d.day), "told_by": d.day.told_by, "path": str(d.scene)}
        | (file_hash(d.scene) if isinstance(d.scene, Path) else d.source.facts)
        for d in dates
    ]
    return made_by() | {"libraries": library_versions("numba"), "scenes": scenes} | facts
