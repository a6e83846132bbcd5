"""Zarr stores as folders: what may lie in one, and nothing that leads out of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from geoglm.errors import FileRefused, SceneUnreadable
from geoglm.io.guard.trust import Trust

METADATA = (".zgroup", ".zarray", ".zattrs", ".zmetadata")
OTHER = ("zarr.json",)
"""The metadata of Zarr 3."""
CHUNK = re.compile(r"\d+([./]\d+)*")
MOST_FILES = 2_000_000
MOST_DEPTH = 8
"""Folders within folders: as many as an array whose chunks lie in nested ones may have axes."""


def is_store(path: Path) -> bool:
    """Whether a folder is a Zarr store, by the metadata in it."""
    return any((path / name).exists() for name in (*METADATA, *OTHER))


def store_files(root: Path, trust: Trust) -> tuple[Path, ...]:
    """All files of a store of Zarr 2.

    Raises:
        SceneUnreadable: it is of Zarr 3, which GDAL does not read, or a single array.
        FileRefused: something in it is no chunk, or a link.
    """
    if (root / "zarr.json").exists():
        raise SceneUnreadable(
            root,
            "it is a store of Zarr 3, and those of Zarr 2 are read; xarray's .to_zarr(..., zarr_format=2) writes one, "
            "and in Python geoglm.segment takes the DataArray itself",
        )
    if (root / ".zarray").exists():
        raise SceneUnreadable(root, "it is a single array, whose coordinates lie beside it; name the store above it")
    found = tuple(path for _, path in zip(range(MOST_FILES + 1), _walk(root, root, trust, MOST_DEPTH), strict=False))
    if len(found) > MOST_FILES:
        raise FileRefused(root, f"it is a store of more than {MOST_FILES} chunks; write larger ones")
    return found


def _walk(root: Path, folder: Path, trust: Trust, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda e: e.name)
    except OSError as error:
        raise FileRefused(root, f"{folder.name} in it cannot be listed ({error.strerror})") from error
    for entry in entries:
        path = folder / entry.name
        if entry.is_symlink() and not trust.reaches(path, root):
            raise FileRefused(root, f"{path.relative_to(root)} in it links to {path.resolve()}, outside the store")
        if entry.is_dir():
            if entry.is_symlink() or depth == 0:
                raise FileRefused(root, f"{path.relative_to(root)} in it is a folder too deep, or a link to one")
            yield from _walk(root, path, trust, depth - 1)
        elif entry.is_file() and (entry.name in METADATA or CHUNK.fullmatch(entry.name)):
            yield path
        elif not entry.is_file() or not entry.name.startswith("."):  # a .DS_Store does no harm
            raise FileRefused(root, f"{path.relative_to(root)} in it is neither metadata nor a chunk")
