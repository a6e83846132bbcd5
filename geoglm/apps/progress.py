"""How far a job is, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(*, shown: bool, paced: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr with the phase, megapixels a second (where it is `paced`) and the time left."""
    if not (shown and sys.stderr.isatty()):
        yield lambda phase, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=None, rate="")
    phases: set[str] = set()

    def report(phase: str, done: int, total: int) -> None:
        bar.start()  # only now: a refusal before any work is one line and no bar
        if phase not in phases:
            phases.add(phase)
            bar.reset(task, description=phase, total=total or None, completed=done, rate="")
        speed = bar.tasks[0].speed if paced else None
        bar.update(task, completed=done, rate=f"{speed / 1e6:.1f} Mpx/s" if speed else "")

    try:
        yield report
    finally:
        if phases:
            bar.stop()
