"""Nothing but geoglm's own words on stderr: what libraries say there is taken in, and told where it matters.

Python's warnings, records of loggers (GDAL's log among them) and what C code writes to stderr by itself are kept until
the command ends. Of those that bear on the result each kind is told once, in a line; with ``--verbose`` all are.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TextIO

import click

from geoglm.apps.notes import print_notes
from geoglm.io.remote import without_secrets

MATTERS = (
    (
        r"GeoTIFF keys|(EPSG|ESRI).*not found|CRSError|axis unit",
        "GDAL is not sure of the CRS of a file; check where the results lie",
    ),
    (
        r"[Cc]orrupt JPEG|premature end|bad Huffman|CRC mismatch",
        "a file has damaged blocks; what is drawn there may be wrong",
    ),
    (r"(No space left|[Dd]isk full)", "a disk is full"),
)
"""What is said → what it means for the result; anything else is dropped."""


class Heard(logging.Handler):
    """What libraries have said, in order."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.verbose = self.quiet = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record of a logger."""
        self.add(record.name, record.getMessage())

    def warned(self, message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        """Keep a warning; in place of `warnings.showwarning`."""
        self.add(category.__name__, str(message))

    def add(self, source: str, text: str) -> None:
        """Keep a line of `source`."""
        self.lines.append(f"{source}: {without_secrets(' '.join(text.split()))}")

    def tell(self) -> None:
        """Say everything where that is wanted, else what matters."""
        if self.verbose:
            for line in self.lines:
                click.echo(f"geoglm: verbose: {line}", err=True)
        elif not self.quiet:
            text = "\n".join(self.lines)
            print_notes(meaning for pattern, meaning in MATTERS if re.search(pattern, text))


def talkative(command: click.Command) -> click.Command:
    """`command`, or all commands of a group, with ``--verbose``; those that are told to be quiet are."""
    if isinstance(command, click.Group):
        for part in command.commands.values():
            talkative(part)
        return command
    for option in command.params:
        if option.name == "quiet":
            option.callback = _noted("quiet")
    words = "Tell at the end all that libraries had to say, word for word."
    command.params.append(
        click.Option(["--verbose"], is_flag=True, expose_value=False, callback=_noted("verbose"), help=words)
    )
    return command


def _noted(name: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    """A callback that sets an attribute of what is heard."""

    def callback(context: click.Context, _: click.Parameter, value: bool) -> bool:
        if isinstance(heard := context.find_root().obj, Heard):
            setattr(heard, name, value)
        return value

    return callback


@contextmanager
def own_words(heard: Heard) -> Iterator[None]:
    """Take in what libraries say while a command runs, and tell of it at its end."""
    root = logging.getLogger()
    root.addHandler(heard)
    try:
        with _native(heard), warnings.catch_warnings():
            warnings.showwarning = heard.warned
            yield
    except BaseException:
        heard.quiet = True  # the error is the one line
        raise
    finally:
        root.removeHandler(heard)
        heard.tell()


@contextmanager
def _native(heard: Heard) -> Iterator[None]:
    """Have C code write into a file what it would write to stderr, where that is the process's own."""
    if not _is_own(sys.stderr):
        yield
        return
    sys.stderr.flush()
    ours, before = os.dup(2), sys.stderr
    with _nowhere() as aside, os.fdopen(ours, "w", encoding="utf-8", errors="backslashreplace") as stream:
        os.dup2(aside.fileno(), 2)
        stream.reconfigure(line_buffering=True)
        sys.stderr = stream
        try:
            yield
        finally:
            sys.stderr = before
            stream.flush()
            os.dup2(ours, 2)
            _read_back(aside, heard)


def _nowhere() -> IO[bytes]:
    """A file without a name."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


def _is_own(stream: TextIO) -> bool:
    """Whether a stream is this process's stderr, and no stand-in of somebody who listens."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return stream is sys.__stderr__ and stream.fileno() == 2
    return False


def _read_back(aside: IO[bytes], heard: Heard, most: int = 1 << 20) -> None:
    aside.seek(0)
    for line in aside.read(most).decode(errors="replace").splitlines():
        if line.strip():
            heard.add("stderr", line)
