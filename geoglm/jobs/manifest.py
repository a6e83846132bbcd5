"""The manifest: what was made from what, with what, by which command."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geoglm.io.geotiff import scene_files
from geoglm.io.grids.store import is_store
from geoglm.io.remote import SceneRef, without_secrets
from geoglm.jobs.plan import SegmentPlan
from geoglm.version import __version__

WHOLE_HASH_BYTES = 4 * 2**30
SAMPLE_BYTES = 64 * 2**20
LIBRARIES = ("rasterio", "numpy", "openvino", "torch", "shapely", "geopandas", "dask", "xarray")


def file_hash(path: Path) -> dict[str, Any]:
    """SHA-256 of a file; of a very large one, of its size, beginning and end, and that is said. Of a scene in several
    files the same of each, by name; of a Zarr store one of all its chunks, whose names say nothing."""
    if path.is_dir() and is_store(path):
        return _store_hash(path)
    if not path.is_file():
        return {"files": {p.name: file_hash(p) for p in scene_files(path)}}
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        if size <= WHOLE_HASH_BYTES:
            while part := stream.read(2**22):
                digest.update(part)
            return {"bytes": size, "sha256": digest.hexdigest()}
        digest.update(str(size).encode())
        digest.update(stream.read(SAMPLE_BYTES))
        stream.seek(-SAMPLE_BYTES, 2)
        digest.update(stream.read(SAMPLE_BYTES))
    return {"bytes": size, "sha256_of_size_first_and_last_64_mib": digest.hexdigest()}


def _store_hash(root: Path) -> dict[str, Any]:
    """SHA-256 over names, sizes and contents of all files of a Zarr store; of a very large one without contents."""
    files = [(p, p.stat().st_size) for p in scene_files(root)]
    whole = sum(size for _, size in files)
    digest = hashlib.sha256()
    for path, size in files:
        digest.update(f"{path.relative_to(root).as_posix()}\0{size}\0".encode())
        if whole <= WHOLE_HASH_BYTES:
            digest.update(path.read_bytes())
    kind = "sha256" if whole <= WHOLE_HASH_BYTES else "sha256_of_names_and_sizes"
    return {"files": len(files), "bytes": whole, kind: digest.hexdigest()}


def quick_key(paths: Iterable[Path], facts: Mapping[str, str] | None = None) -> str:
    """Changes when one of the files is another: path, size, time, and its first and last mebibyte.

    Args:
        facts: what a server says of a file that is elsewhere.
    """
    digest = hashlib.sha256(json.dumps(facts).encode() if facts else b"")
    for path in paths:
        status = path.stat()
        digest.update(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}".encode(errors="surrogateescape"))
        with path.open("rb") as stream:
            digest.update(stream.read(2**20))
            stream.seek(max(0, status.st_size - 2**20))
            digest.update(stream.read())
    return digest.hexdigest()


def made_by() -> dict[str, Any]:
    """Which geoglm made something, when and by which command, without credentials: the head of every manifest."""
    return {
        "geoglm": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [without_secrets(a) for a in sys.argv],
    }


def library_versions(*more: str) -> dict[str, str]:
    """Versions of `LIBRARIES` and of `more`, of those that are installed."""
    versions = {}
    for name in (*LIBRARIES, *more):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def describe_run(
    plan: SegmentPlan, scene: SceneRef | None, runtime: str, facts: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Everything needed to make the same map again, without credentials.

    Args:
        facts: what a server says of a scene that is elsewhere.
    """
    return made_by() | {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": library_versions(),
        "scene": {
            "path": str(scene) if scene else None,
            **(file_hash(scene) if isinstance(scene, Path) else facts or {}),
        },
        "model": {
            "name": plan.package.card.name,
            "version": plan.package.card.version,
            "weights_sha256": plan.package.sha256,
        },
        "runtime": runtime,
        "plan": plan.describe(),
    }
