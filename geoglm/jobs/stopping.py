"""Being stopped: at the first signal a job finishes what it has in hand, at the second it ends at once.

Only the command line heeds signals so; in a notebook, Ctrl-C stays Python's own. Either way no thread is left at work
when a job has ended.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

SIGNALS = tuple(s for n in ("SIGINT", "SIGTERM", "SIGHUP") if (s := getattr(signal, n, None)) is not None)
"""What stops a job."""

AGAIN = "segment, series, change and train go on from what is finished when the same command is given again"


class Stopped(KeyboardInterrupt):
    """A job was stopped by a signal; `told` is what its user should know.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.told = AGAIN

    @property
    def exit_code(self) -> int:
        """As a shell gives it for a program that a signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + int(self.args[0])

    def __str__(self) -> str:
        return f"stopped; {self.told}"


class _State:
    """The signal that came, and how many jobs would rather finish what they have in hand."""

    asked: int | None = None
    patient = 0


@contextmanager
def heeded() -> Iterator[None]:
    """Have signals stop what runs inside, in the main thread; one that is ignored (``nohup``) stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.asked = None
    before = {s: signal.getsignal(s) for s in SIGNALS}
    for number, old in before.items():
        if old is not signal.SIG_IGN:
            signal.signal(number, _heed)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _heed(number: int, frame: FrameType | None) -> None:
    if _State.asked is not None:
        if sys.stderr is not None and sys.stderr.isatty():
            os.write(2, b"\x1b[?25h")  # a progress bar hides the cursor
        os.write(2, f"geoglm: stopped at once; {AGAIN}\n".encode())
        os._exit(128 + number)  # as safe as a kill, which every job survives
    _State.asked = number
    if not _State.patient:
        raise Stopped(number)
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(2, b"\ngeoglm: finishing what is in hand; once more stops at once\n")


@contextmanager
def patiently() -> Iterator[None]:
    """A job that asks `check` often enough: signals wait for that inside."""
    _State.patient += 1
    try:
        yield
    finally:
        _State.patient -= 1


def check() -> None:
    """End here if a signal came.

    Raises:
        Stopped: it did.
    """
    if _State.asked is not None:
        raise Stopped(_State.asked)


@contextmanager
def in_hand(work: Callable[[T], None]) -> Iterator[Callable[[T], None]]:
    """`work` for several threads: nothing is begun after a signal or an error, and the end waits for what was.

    Whoever leaves may take away what the work needs: no thread is at it any more.
    """
    changed = threading.Condition()
    busy, over = 0, False

    def one(thing: T) -> None:
        nonlocal busy, over
        with changed:
            if over:
                return
            busy += 1
        try:
            check()
            work(thing)
        except BaseException:
            over = True
            raise
        finally:
            with changed:
                busy -= 1
                changed.notify_all()

    try:
        yield one
    finally:
        with changed:
            over = True
            changed.wait_for(lambda: not busy)
