"""A folder to work in, for one run at a time. The lock dies with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from geoglm.errors import OutputBusy

LOCK = "lock"
TRIES = 1000
"""How often a folder that others take away at that very moment is made again."""


@contextmanager
def held(folder: Path, output: Path) -> Iterator[None]:
    """Make `folder`, or take up the one that is there; nobody else holds it meanwhile.

    Args:
        output: what it is there for, as it is called when it is busy.

    Raises:
        OutputBusy: another run holds it.
        OSError: it cannot be made.
    """
    descriptor = _locked(folder, output)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(folder: Path, output: Path) -> int:
    path = folder / LOCK
    for _ in range(TRIES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except (FileNotFoundError, FileExistsError):
            if folder.exists() and not folder.is_dir():
                raise
            continue  # the run before has just finished and taken its folder away
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(path, descriptor):
                return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise OutputBusy(output) from error
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)  # of a folder that is gone
    raise OutputBusy(output)


def _is(path: Path, descriptor: int) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def clear(folder: Path) -> None:
    """Take away a folder that is held, the lock last: whoever comes in between finds all of it, or none."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name == LOCK:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    with suppress(OSError):
        (folder / LOCK).unlink()
        folder.rmdir()
