"""The stage: where a run keeps finished shards and half-made outputs until all of them are whole.

A shard is kept under checksums and verified whenever it is read, so it need not wait for the disk; outputs do, are
hashed as they lie there, and become visible together (`geoglm.io.commit.publish`).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geoglm.errors import GeoglmError, OutputError, SceneChanged, SceneUnreadable
from geoglm.io.commit import lock
from geoglm.io.commit.publish import MANIFEST, Move, finish, publish
from geoglm.io.commit.whole import file_facts, sync, sync_folder, write_whole

OUTPUTS = (
    *("classes", "confidence", "probabilities", "entropy", "margin", "disagreement"),
    *("polygons", "quicklook", "summary", "manifest", "report", "item"),
    *("change", "probability", "transitions", "flows", "areas", "first-change"),
    *("explanation", "occlusion", "bands", "counterfactual", "context", "importance"),
)
"""Stems of everything that a run writes; one of a series may have a date behind it."""


def is_output(name: str) -> bool:
    """Whether a file is called like one that a run writes.

    >>> [is_output(n) for n in ("classes.tif", "classes-2019-07-01.tif", "classes-mine.tif")]
    [True, True, False]
    """
    return re.sub(r"-\d{4}-\d\d-\d\d$", "", Path(name).stem) in OUTPUTS


class DamagedShard(Exception):
    """A finished shard does not read back as it was written; its name."""


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
        self.shards = self.folder / f"shards-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self.drafts = self.folder / "results"
        self.record = self.folder / "moving.json"
        self._over = False

    @contextmanager
    def held(self) -> Iterator[Stage]:
        """Make the stage, or take up the one an interrupted run left; no second run can hold it.

        Raises:
            OutputBusy: another run holds it.
            OutputError: the place cannot be written to, or holds somebody else's files of the same names.
        """
        self._spare_others()
        try:
            with lock.held(self.folder, self.output):
                yield from self._at_work()
        except OSError as error:
            kept = f"; finished work is kept in {self.folder}" if self.folder.exists() else ""
            raise OutputError(
                f"{self.output}: cannot be written ({error.strerror or error}){kept}; run the same command again when "
                "that is mended, or choose another -o"
            ) from error

    def _at_work(self) -> Iterator[Stage]:
        try:
            self._prepare()
            yield self
        except (GeoglmError, OSError, KeyboardInterrupt) as error:
            # of a scene that became another one nothing is worth keeping, nor of a run that computed nothing
            computed = self.shards.is_dir() and any(self.shards.iterdir())
            if not self.record.exists() and (isinstance(error, SceneChanged) or not computed):
                self.discard()
            if isinstance(error, SceneUnreadable) and Path(str(error.args[0])).is_relative_to(self.folder):
                raise OSError(str(error)) from error  # one of our own
            raise

    def _spare_others(self) -> None:
        """Refuse a folder with files called like ours that no manifest of ours, and no interrupted run, explains."""
        if not self.output.is_dir():
            return
        ours = self._earlier()
        for path in sorted(self.output.iterdir()):
            if is_output(path.name) and path.name not in ours and path.is_file():
                if self.record.exists() and Move.read(self.record) is None:
                    why = f"perhaps of an interrupted run, whose record is damaged: delete it and {self.record}, or"
                else:
                    why = "not of geoglm's making;"
                raise OutputError(f"{path}: is there already and {why} choose another -o")

    def _prepare(self) -> None:
        """Complete what a killed run was moving; keep shards of the same key, drop all else."""
        finish(self.drafts, self.output, self.record)
        for path in self.folder.iterdir():
            if path.is_dir() and path != self.shards:
                shutil.rmtree(path, ignore_errors=True)
        self.shards.mkdir(exist_ok=True)
        self.drafts.mkdir(exist_ok=True)
        for old in (*self.shards.glob("*.new"), *self.drafts.iterdir()):
            old.unlink()

    def discard(self) -> None:
        """Leave nothing behind, not even folders made for it."""
        if self._over:
            return  # the next run may have made them anew by now
        self._over = True
        lock.clear(self.folder)
        for parent in self._parents:
            try:
                parent.rmdir()
            except OSError:
                return

    def has_shard(self, name: str) -> bool:
        """True if the shard is finished and undamaged; a damaged one is dropped."""
        path = self._shard(name)
        if not path.exists():
            return False
        try:
            with zipfile.ZipFile(path) as archive:
                sound = archive.testzip() is None
        except DAMAGE:
            sound = False
        if not sound:
            path.unlink()
        return sound

    def finished(self) -> int:
        """How many shards are."""
        return sum(1 for _ in self.shards.glob("*.zip"))

    def save_shard(self, name: str, parts: Mapping[str, bytes]) -> None:
        """Keep a finished shard; it appears whole or not at all."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for title, content in parts.items():
                archive.writestr(title, content)
        write_whole(self._shard(name), packed.getbuffer(), durable=False)

    def load_shard(self, name: str) -> ShardParts:
        """A finished shard.

        Raises:
            DamagedShard: it is none any more.
        """
        return ShardParts(self._shard(name))

    def _shard(self, name: str) -> Path:
        return self.shards / f"{name}.zip"

    def commit(self, manifest: dict[str, Any], tell: Callable[[Path, dict[str, Any]], None] | None = None) -> None:
        """Make the results visible, whole; the manifest tells length and SHA-256 of each as it lies on the disk.

        Args:
            tell: writes what tells of the results beside them, given their folder and the manifest so far.

        Raises:
            OSError: the folder cannot be written to.
        """
        facts = self._settled(())
        if tell is not None:
            tell(self.drafts, manifest | {"files": facts})
            facts |= self._settled(facts)
        whole = manifest | {"outputs": [*sorted(facts), MANIFEST], "files": facts}
        text = json.dumps(whole, indent=2, ensure_ascii=False, default=str) + "\n"
        write_whole(self.drafts / MANIFEST, text)
        sync_folder(self.drafts)

        def hashes() -> dict[str, str]:
            facts[MANIFEST] = file_facts(self.drafts / MANIFEST)
            return {name: told["sha256"] for name, told in facts.items()}

        publish(self.drafts, self.output, self.record, earlier=self._earlier(), hashes=hashes)
        self.discard()

    def _settled(self, known: Collection[str]) -> dict[str, dict[str, Any]]:
        """Have the drafts on the disk that are not known yet; what the manifest tells of each."""
        drafts = sorted(p for p in self.drafts.iterdir() if p.name not in known)
        sync(drafts)
        return {p.name: file_facts(p) for p in drafts}

    def _earlier(self) -> list[str]:
        """Outputs of an earlier run in the folder, finished or killed while it moved them; nobody else's files."""
        try:
            manifest = json.loads((self.output / MANIFEST).read_text(encoding="utf-8"))
            names = [*manifest["outputs"], MANIFEST] if "geoglm" in manifest else []
        except (OSError, ValueError, KeyError, TypeError):
            names = []
        move = Move.read(self.record)
        told = map(str, (*names, *(move.names if move else ())))
        return sorted({n for n in told if is_output(n) and Path(n).name == n})


DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, NotImplementedError)
"""What reading a damaged archive may raise."""


class ShardParts(Mapping[str, bytes]):
    """What a shard has kept, read when it is asked for, from any thread; checksums are verified.

    Raises:
        DamagedShard: it does not read back as it was written.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.stem
        try:
            self._archive = zipfile.ZipFile(path)
        except DAMAGE as error:
            raise DamagedShard(self._name) from error

    def __getitem__(self, name: str) -> bytes:
        if name not in self:
            raise KeyError(name)
        try:
            return self._archive.read(name)
        except DAMAGE as error:
            raise DamagedShard(self._name) from error

    def __contains__(self, name: object) -> bool:
        return name in self._archive.NameToInfo

    def __iter__(self) -> Iterator[str]:
        return iter(self._archive.namelist())

    def __len__(self) -> int:
        return len(self._archive.namelist())
