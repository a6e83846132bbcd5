"""The stage: where a run keeps finished shards and half-made outputs until all of them are whole.

Results become visible together. Into a folder that is new or empty the stage is renamed as one; into a folder
with other files the outputs are moved one by one, the manifest taken away first and put in place last.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from geoglm.errors import OutputBusy, OutputError
from geoglm.types import Scores

MANIFEST = "manifest.json"


class Stage:
    """The hidden folder beside the output folder in which a run works.

    Args:
        output: the folder in which results will appear.
        key: what the results depend on; finished shards are kept from an earlier run with the same key only.
    """

    def __init__(self, output: Path, key: str) -> None:
        self.output = output
        home = output.parent if os.access(output.parent, os.W_OK) else output
        self.folder = home / f".{output.name}.geoglm-part"
        self.shards = self.folder / "shards"
        self.drafts = self.folder / "results"
        self.key = key
        self._lock: IO[str] | None = None

    @contextmanager
    def held(self) -> Iterator[Stage]:
        """Make the stage, or take up the one an interrupted run left; no second run can hold it.

        Raises:
            OutputBusy: another run holds it.
            OutputError: the place cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("w")
        except OSError as error:
            raise OutputError(f"{self.output}: cannot be written ({error.strerror}); choose another -o") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise OutputBusy(self.output) from error
        try:
            self._prepare()
            yield self
        finally:
            self._lock.close()

    def _prepare(self) -> None:
        """Keep shards of the same key, drop all else."""
        note = self.folder / "key"
        if not note.exists() or note.read_text() != self.key:
            shutil.rmtree(self.shards, ignore_errors=True)
        shutil.rmtree(self.drafts, ignore_errors=True)
        self.shards.mkdir(exist_ok=True)
        self.drafts.mkdir(exist_ok=True)
        for torn in self.shards.glob("*.new"):
            torn.unlink()
        note.write_text(self.key)

    def discard(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def has_shard(self, name: str) -> bool:
        """True if the shard is finished."""
        return (self.shards / f"{name}.npz").exists()

    def save_shard(self, name: str, scores: Scores) -> None:
        """Keep a finished shard; it appears whole or not at all."""
        arrays = {"classes": scores.classes, "confidence": scores.confidence}
        if scores.probabilities is not None:
            arrays["probabilities"] = scores.probabilities
        draft = self.shards / f"{name}.new"
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for title, array in arrays.items():
                with archive.open(f"{title}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, array, allow_pickle=False)
        draft.replace(self.shards / f"{name}.npz")

    def load_shard(self, name: str) -> Scores:
        """A finished shard; its checksum is verified while it is read."""
        with np.load(self.shards / f"{name}.npz", allow_pickle=False) as archive:
            return Scores(archive["classes"], archive["confidence"], archive.get("probabilities"))

    def commit(self, manifest: dict[str, Any]) -> None:
        """Make the results visible, whole.

        Raises:
            OutputError: the folder cannot be written to.
        """
        text = json.dumps(manifest, indent=2, ensure_ascii=False, default=str) + "\n"
        (self.drafts / MANIFEST).write_text(text, encoding="utf-8")
        _sync(self.drafts.iterdir())
        try:
            if not self.output.exists() or (self.output != Path.cwd() and not any(self.output.iterdir())):
                self.drafts.replace(self.output)
            else:
                self._move_in()
        except OSError as error:
            raise OutputError(
                f"{self.output}: cannot be written ({error.strerror}); the finished work is kept in {self.folder}, "
                "run the same command again"
            ) from error
        self.discard()

    def _move_in(self) -> None:
        """Replace the outputs of an earlier run, file by file; none of the two sets is complete meanwhile."""
        old = self.output / MANIFEST
        made_before: Iterable[str] = ()
        if old.exists():
            try:
                made_before = json.loads(old.read_text(encoding="utf-8")).get("outputs", [])
            except (ValueError, AttributeError):
                made_before = ()
            old.unlink()
        for name in made_before:
            stale = self.output / Path(str(name)).name
            if stale.is_file():
                stale.unlink()
        for draft in sorted(self.drafts.iterdir(), key=lambda p: p.name == MANIFEST):
            draft.replace(self.output / draft.name)


def _sync(paths: Iterable[Path]) -> None:
    """Have every file on the disk before it gets its name."""
    for path in paths:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
