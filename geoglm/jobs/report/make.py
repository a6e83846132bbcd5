"""A folder of results in, ``report.html`` out."""

from __future__ import annotations

from pathlib import Path

from geoglm.errors import OutputError
from geoglm.io.commit.whole import write_whole
from geoglm.io.report.page import page
from geoglm.jobs.report.kinds import KINDS
from geoglm.jobs.report.shared import accuracy, model, notes, provenance, read_json

REPORT = "report.html"


def report(folder: str | Path, output: str | Path | None = None) -> Path:
    """Write one page about what `segment`, `change` or `series` left in `folder`.

    Pictures and styles are inside it; it asks nothing of any server and runs no script. Assessments that lie in the
    folder (``geoglm assess MAP SAMPLE -o FOLDER/assessment.json``) are told too.

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
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another -o") from error
    return path


def report_page(folder: Path) -> str:
    """The page as text; see `report`."""
    summary, manifest = read_json(folder, ("summary.json", "manifest.json"))
    for fits, told in KINDS:
        if fits(summary):
            title, sections = told(folder, summary, manifest)
            break
    else:
        raise OutputError(f"{folder}: holds no results of segment, change or series; give the folder they wrote")
    under = f"geoglm {manifest.get('geoglm', '')}, {str(manifest.get('made', ''))[:10]}"
    known = [notes(summary), *sections[:-1], *accuracy(folder), sections[-1], model(manifest), provenance(manifest)]
    return page(title, under, known)
