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
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from geoglm.errors import GeoglmError, OutputBusy, OutputError, SceneError, SceneUnreachable

MANIFEST = "manifest.json"
OUTPUTS = (
    *("classes", "confidence", "probabilities", "entropy", "margin", "polygons", "quicklook", "summary", "manifest"),
    *("change", "probability", "transitions"),
)
"""Stems of everything that a run writes."""


class Stage:
    """The hidden folder beside the output folder in which a run works.

    Args:
        output: the folder in which results will appear.
        key: what the results depend on; finished shards are kept from an earlier run with the same key only.
    """

    def __init__(self, output: Path, key: str) -> None:
        self.output = output
        nearest = next(p for p in output.parents if p.exists())
        home = output.parent if os.access(nearest, os.W_OK) else output
        self._parents = [p for p in (home, *home.parents) if not p.exists()]
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
            OutputError: the place cannot be written to, or holds somebody else's files of the same names.
        """
        self._spare_others()
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
        except GeoglmError as error:
            # of a scene that cannot be read nothing is worth keeping, nor of a run that computed nothing
            hopeless = isinstance(error, SceneError) and not isinstance(error, SceneUnreachable)
            if hopeless or not any(self.shards.iterdir()):
                self.discard()
            raise
        except OSError as error:
            raise OutputError(
                f"{self.output}: cannot be written ({error.strerror or error}); finished work is kept in "
                f"{self.folder}, run the same command again when that is mended"
            ) from error
        finally:
            self._lock.close()

    def _spare_others(self) -> None:
        """Refuse a folder with files called like ours that no manifest of ours, and no interrupted run, explains."""
        if not self.output.is_dir() or self.folder.exists() or self._made_before():
            return
        for path in sorted(self.output.iterdir()):
            if path.stem in OUTPUTS and path.is_file():
                raise OutputError(f"{path}: is there already and not of geoglm's making; choose another -o")

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
        """Leave nothing behind, not even folders made for it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for parent in self._parents:
            try:
                parent.rmdir()
            except OSError:
                return

    def has_shard(self, name: str) -> bool:
        """True if the shard is finished and undamaged; a damaged one is dropped."""
        path = self.shards / f"{name}.zip"
        if not path.exists():
            return False
        try:
            with zipfile.ZipFile(path) as archive:
                sound = archive.testzip() is None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
            sound = False
        if not sound:
            path.unlink()
        return sound

    def save_shard(self, name: str, parts: Mapping[str, bytes]) -> None:
        """Keep a finished shard; it appears whole or not at all."""
        draft = self.shards / f"{name}.new"
        with zipfile.ZipFile(draft, "w") as archive:
            for title, content in parts.items():
                archive.writestr(title, content)
        draft.replace(self.shards / f"{name}.zip")

    def load_shard(self, name: str) -> ShardParts:
        """A finished shard."""
        return ShardParts(self.shards / f"{name}.zip")

    def commit(self, manifest: dict[str, Any]) -> None:
        """Make the results visible, whole.

        Raises:
            OutputError: the folder cannot be written to.
        """
        text = json.dumps(manifest, indent=2, ensure_ascii=False, default=str) + "\n"
        (self.drafts / MANIFEST).write_text(text, encoding="utf-8")
        _sync(self.drafts.iterdir())
        if not self.output.exists() or (self.output != Path.cwd() and not any(self.output.iterdir())):
            self.drafts.replace(self.output)
        else:
            self._move_in()
        self.discard()

    def _move_in(self) -> None:
        """Replace the outputs of an earlier run, file by file; none of the two sets is complete meanwhile."""
        for name in self._made_before():
            for stale in (self.output / name, self.output / f"{name}.aux.xml"):
                stale.unlink(missing_ok=True)
        for draft in sorted(self.drafts.iterdir(), key=lambda p: p.name == MANIFEST):
            draft.replace(self.output / draft.name)

    def _made_before(self) -> list[str]:
        """Outputs of an earlier run in the folder, the manifest first; nobody else's files."""
        try:
            manifest = json.loads((self.output / MANIFEST).read_text(encoding="utf-8"))
            names = manifest["outputs"] if "geoglm" in manifest else []
        except (OSError, ValueError, KeyError, TypeError):
            return []
        ours = [str(n) for n in names if Path(str(n)).stem in OUTPUTS] if isinstance(names, list) else []
        return sorted(ours, key=lambda name: name != MANIFEST)


class ShardParts(Mapping[str, bytes]):
    """What a shard has kept, read when it is asked for, from any thread; checksums are verified."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path)

    def __getitem__(self, name: str) -> bytes:
        return self._archive.read(name)

    def __contains__(self, name: object) -> bool:
        return name in self._archive.NameToInfo

    def __iter__(self) -> Iterator[str]:
        return iter(self._archive.namelist())

    def __len__(self) -> int:
        return len(self._archive.namelist())


def _sync(paths: Iterable[Path]) -> None:
    """Have every file on the disk before it gets its name."""
    for path in paths:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
