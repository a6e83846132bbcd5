"""The report of an evaluation: ``evaluation.json`` and plots, which appear in their folder together or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geoglm.errors import OutputError
from geoglm.io.evaluation_plots import draw_confusion, draw_iou, draw_reliability
from geoglm.stats.evaluation import Evaluation

RECORD = "evaluation.json"


@contextmanager
def report_folder(output: Path | None) -> Iterator[Path | None]:
    """A draft of the folder `output`, which takes its place when all is done; None to write nothing.

    Files in `output` that are no report are left alone; an earlier report is replaced, its record last.

    Raises:
        OutputError: the place cannot be written to, or holds somebody else's ``evaluation.json``.
    """
    if output is None:
        yield None
        return
    folder = output.resolve()
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{output}: is a file; -o wants a folder")
    _spare_others(folder / RECORD)
    drafts = folder.parent / f".{folder.name}.geoglm-report-{os.getpid()}"
    try:
        drafts.mkdir(parents=True)
        yield drafts
        if folder.exists():
            for draft in sorted(drafts.iterdir(), key=lambda p: p.name == RECORD):
                draft.replace(folder / draft.name)
        else:
            drafts.replace(folder)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error}); choose another -o") from error
    finally:
        shutil.rmtree(drafts, ignore_errors=True)


def _spare_others(record: Path) -> None:
    if not record.exists():
        return
    try:
        ours = "geoglm" in json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        ours = False
    if not ours:
        raise OutputError(f"{record}: is there already and not of geoglm's making; choose another -o")


def write_report(drafts: Path | None, evaluation: Evaluation) -> None:
    """Write record and plots into `drafts`, where there is one."""
    if drafts is None:
        return
    text = json.dumps(evaluation.as_dict(), indent=2, ensure_ascii=False) + "\n"
    (drafts / RECORD).write_text(text, encoding="utf-8")
    draw_confusion(drafts / "confusion.png", evaluation)
    draw_iou(drafts / "iou-by-resolution.png", evaluation)
    if evaluation.own.reliability.sums.any():
        draw_reliability(drafts / "reliability.png", evaluation)
