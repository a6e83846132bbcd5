"""A bar in a notebook for what takes a while; elsewhere there is none."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from html import escape
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
EVERY_S = 0.2
"""Seconds between two looks of a bar, at least."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class Bar:
    """Called with a phase and how much of it is done and to do, as every job does; see `geoglm.jobs.segment.Progress`.

    It appears at the first call and is gone when it is closed.
    """

    def __init__(self) -> None:
        self._display: Any = None
        self._phase = ""
        self._began = self._shown = 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Show how far it is."""
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._began = phase, now
        elif now - self._shown < EVERY_S:
            return
        self._shown = now
        self._show(bar_html(phase, done, total, now - self._began))

    def _show(self, html: str) -> None:
        from IPython.display import HTML, display

        if self._display is None:
            self._display = display(HTML(html), display_id=True)  # type: ignore[no-untyped-call]  # IPython has none
        else:
            self._display.update(HTML(html))  # type: ignore[no-untyped-call]  # IPython has none

    def close(self) -> None:
        """Take it away."""
        if self._display is not None:
            self._show("")


def bar_html(phase: str, done: int, total: int, seconds: float) -> str:
    """Phase, bar, share and the time left, as far as it can be told.

    >>> bar_html("tracing <polygons>", 0, 0, 1.0)
    '<div>tracing &lt;polygons&gt; <progress style="vertical-align: middle"></progress></div>'
    """
    at = behind = ""
    if total:
        share = done / total
        left = f", {seconds / share - seconds:,.0f} s left" if share and seconds > 1 else ""
        at, behind = f' value="{share:.3f}"', f" {share:.0%}{left}"
    return f'<div>{escape(phase)} <progress{at} style="vertical-align: middle"></progress>{behind}</div>'


def barred(run: Callable[P, R]) -> Callable[P, R]:
    """`run`, which takes `progress`, with a bar where a notebook calls it without."""
    signature = inspect.signature(run)

    @wraps(run)
    def shown(*args: P.args, **kwargs: P.kwargs) -> R:
        if not in_notebook() or "progress" in signature.bind(*args, **kwargs).arguments:
            return run(*args, **kwargs)
        bar = Bar()
        try:
            return run(*args, **kwargs, progress=bar)  # type: ignore[arg-type]  # `P` cannot say that it takes one
        finally:
            bar.close()

    return shown


@contextmanager
def computing(phase: str) -> Iterator[None]:
    """A bar for all that dask computes meanwhile in this process."""
    if not in_notebook():
        yield
        return
    from dask.callbacks import Callback

    bar, done = Bar(), 0

    def after(key: Any, result: Any, graph: Any, state: Any, worker: Any) -> None:
        nonlocal done
        done += 1
        bar(phase, done, done + sum(len(state[k]) for k in ("ready", "waiting", "running")))

    try:
        with Callback(posttask=after):
            yield
    finally:
        bar.close()
