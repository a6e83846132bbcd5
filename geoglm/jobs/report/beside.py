"""What lies beside the maps of every run: an item for catalogues, and a page to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from geoglm.io.items import ITEM, stac_item
from geoglm.io.report.parts import Picture
from geoglm.jobs.report.make import REPORT, report_page


def write_beside(
    drafts: Path,
    manifest: dict[str, Any],
    *,
    name: str,
    days: Sequence[date],
    page: bool,
    scene: Sequence[Picture] = (),
) -> None:
    """Write ``item.json`` and, if `page`, ``report.html``; see `Stage.commit`, which calls this.

    Args:
        drafts: folder with all maps and ``summary.json``.
        manifest: of the run, with the length and hash of every file so far.
        name: of the item.
        days: on which the scene or scenes were taken; none where that is not known.
        scene: how it looks, since it is not read again for the page.
    """
    if page:
        text = report_page(drafts, manifest, scene=scene)
        (drafts / REPORT).write_text(text, encoding="utf-8")
    item = stac_item(drafts, manifest, name=name, days=days)
    (drafts / ITEM).write_text(json.dumps(item, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
