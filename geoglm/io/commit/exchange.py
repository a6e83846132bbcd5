"""Two folders change places in one step, where the system can do that (Linux 3.15 and most of its file systems)."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

RENAME_EXCHANGE = 2
"""``renameat2(2)``."""
AT_FDCWD = -100


def exchange(one: Path, other: Path) -> bool:
    """Have two folders change places at once; False where that cannot be done, and nothing has happened."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # a C library without it
        return False
    return bool(rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def dress(folder: Path, like: Path) -> bool:
    """Give `folder` owner, group and mode of another that it is to replace; False where that is not allowed."""
    theirs, ours = like.stat(), folder.stat()
    with suppress(OSError):
        if (theirs.st_uid, theirs.st_gid) != (ours.st_uid, ours.st_gid):
            os.chown(folder, theirs.st_uid, theirs.st_gid)
        folder.chmod(theirs.st_mode & 0o7777)
        return True
    return False
