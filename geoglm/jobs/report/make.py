"""A folder of results in, ``report.html`` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geoglm.errors import OutputError
from geoglm.io.commit.added import add_output
from geoglm.io.commit.whole import write_whole
from geoglm.io.report.page import page
from geoglm.io.report.parts import Picture
from geoglm.jobs.report.kinds import KINDS
from geoglm.jobs.report.shared import Results, accuracy, model, notes, provenance, read_json

REPORT = "report.html"


def report(folder: str | Path, output: str | Path | None = None) -> Path:
    """Write one page about what `segment`, `change` or `series` left in `folder`.

    Pictures and styles are inside it; it asks nothing of any server and runs no script. Assessments that lie in the
    folder (``geoglm assess MAP SAMPLE -o FOLDER/assessment.json``) are told too. Every run leaves such a page already,
    unless it was told not to; this makes it anew.

    Args:
        folder: of results.
        output: the page; None for ``report.html`` in `folder`.

    Returns:
        Where the page is.

    Raises:
        OutputError: the folder holds no finished results, or the page cannot be written.
        SceneUnreadable: a map in it is damaged.
    """
    folder = Path(folder)
    path = Path(output) if output else folder / REPORT
    text = report_page(folder)
    try:
        write_whole(path, text)
        if path.name == REPORT:
            add_output(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another -o") from error
    return path


def report_page(
    folder: Path, manifest: Mapping[str, Any] | None = None, *, scene: Sequence[Picture] | None = None
) -> str:
    """The page as text; see `report`.

    Args:
        manifest: None for ``manifest.json`` in `folder`.
        scene: how it looks; None to look at it where the manifest says that it lies.
    """
    summary, written = (read_json(folder / n) for n in ("summary.json", "manifest.json"))
    manifest = written if manifest is None else manifest
    for fits, told in KINDS:
        if fits(summary):
            title, sections = told(Results(folder, summary, manifest, scene))
            break
    else:
        raise OutputError(f"{folder}: holds no results of segment, change or series; give the folder they wrote")
    under = f"geoglm {manifest.get('geoglm', '')}, {str(manifest.get('made', ''))[:10]}"
    known = [notes(summary), *sections[:-1], *accuracy(folder), sections[-1], model(manifest), provenance(manifest)]
    return page(title, under, known)
