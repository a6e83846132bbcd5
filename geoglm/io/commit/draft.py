"""A single file that appears whole: made in a hidden folder beside its place, by one run at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geoglm.errors import OutputError
from geoglm.io.commit import lock
from geoglm.io.commit.whole import sync, sync_folder


@contextmanager
def drafted(output: Path) -> Iterator[Path]:
    """Where to write what is to become `output`; it takes its place when all has gone well, and not before.

    Raises:
        OutputBusy: another run is at the same file.
        OutputError: it cannot be written.
    """
    folder = output.with_name(f".{output.name}.geoglm-part")
    try:
        with lock.held(folder, output):
            try:
                for old in folder.iterdir():  # of a killed run; a database would take up a journal that is left
                    if old.name != lock.LOCK:
                        old.unlink()
                yield folder / output.name
                sync([folder / output.name])
                (folder / output.name).replace(output)
                sync_folder(output.parent)
            finally:
                lock.clear(folder)
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"{output}: cannot be written ({why}); mend that or choose another -o") from error
