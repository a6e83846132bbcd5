"""Files that are whole: written beside their place, on the disk before they take it, and known by their checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

HASHED_BYTES = 1 << 22
"""Read at a time."""


def write_whole(path: Path, content: str | bytes | memoryview, *, durable: bool = True) -> None:
    """Write a small file that is at any time the old one or the new one.

    Args:
        durable: wait until it is on the disk; without, a loss of power may leave a torn file, but no crash does.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        with draft.open("wb", buffering=0) as stream:
            left = memoryview(content.encode() if isinstance(content, str) else content)
            while left:
                left = left[stream.write(left) :]
            if durable:
                os.fsync(stream.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def sync(paths: Iterable[Path]) -> None:
    """Have every file on the disk, and forget its pages, so that whoever reads it next reads what lies there."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            with suppress(OSError, AttributeError):  # a hint, unknown on macOS
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_facts(path: Path) -> dict[str, Any]:
    """Length and SHA-256 of a file, as the manifest tells them."""
    with path.open("rb", buffering=0) as stream:
        digest, size = hashlib.sha256(), 0
        part = bytearray(HASHED_BYTES)
        while count := stream.readinto(part):
            digest.update(memoryview(part)[:count])
            size += count
    return {"bytes": size, "sha256": digest.hexdigest()}
