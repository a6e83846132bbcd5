"""The manifest of a series: what it was made from, with what, by which command."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geoglm.io.remote import without_secrets
from geoglm.jobs.manifest import LIBRARIES, file_hash
from geoglm.jobs.series.scenes import Dated
from geoglm.version import __version__


def describe_series(dates: Sequence[Dated], facts: dict[str, Any]) -> dict[str, Any]:
    """Everything needed to make the same series again, without credentials.

    Args:
        facts: what was chosen and how the dates were seen.
    """
    versions = {}
    for name in (*LIBRARIES, "numba"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    scenes = [
        {"date": str(d.day), "told_by": d.day.told_by, "path": str(d.scene)}
        | (file_hash(d.scene) if isinstance(d.scene, Path) else d.source.facts)
        for d in dates
    ]
    return {
        "geoglm": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [without_secrets(a) for a in sys.argv],
        "libraries": versions,
        "scenes": scenes,
        **facts,
    }
