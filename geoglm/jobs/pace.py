"""The pace of this machine: how fast each network ran here before, for the time that `geoglm info` expects."""

from __future__ import annotations

import json
from pathlib import Path

NAME = "pace.json"


def recall(cache: Path, key: str) -> float | None:
    """Tile pixels a second of the last run with `key`, or None if there was none."""
    try:
        pace = json.loads((cache / NAME).read_text(encoding="utf-8")).get(key)
    except (OSError, ValueError, AttributeError):
        return None
    return float(pace) if isinstance(pace, int | float) and pace > 0 else None


def remember(cache: Path, key: str, px_per_s: float) -> None:
    """Note the pace of a run. It tells times only, never what is computed, so a lost note does no harm."""
    try:
        paces = json.loads((cache / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        paces = None
    known = paces if isinstance(paces, dict) else {}
    draft = cache / f"{NAME}.new"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps({**known, key: round(px_per_s)}), encoding="utf-8")
        draft.replace(cache / NAME)
    except OSError:
        return
