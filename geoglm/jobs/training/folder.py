"""Where a training keeps what it needs to go on after it was killed, and how its package appears: whole or not."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geoglm.errors import OutputBusy, OutputError
from geoglm.registry.package import CARD, WEIGHTS

TERMS = "terms.json"
CHECKPOINT = "checkpoint.pt"


class TrainingFolder:
    """``my-model.training/`` beside the package ``my-model/``.

    Checkpoint, tables and pictures are in it while a training runs; the checkpoint goes when the package is there,
    the tables and pictures stay.

    Args:
        output: the folder of the package.

    Raises:
        OutputError: one of the two is there and not of our making.
    """

    def __init__(self, output: Path) -> None:
        self.output = output.resolve()
        self.path = self.output.with_name(f"{self.output.name}.training")
        if self.output.exists() and not _is_ours(self.output):
            raise OutputError(f"{output}: is there already and no model that geoglm trained; choose another -o")
        if self.path.exists() and not (self.path / TERMS).is_file() and any(self.path.iterdir()):
            raise OutputError(f"{self.path}: is there already and no training of geoglm's; choose another -o")

    @contextmanager
    def held(self, key: str) -> Iterator[dict[str, Any]]:
        """The terms of the training with this `key`: empty at first, those of the killed run when it goes on.

        Raises:
            OutputBusy: another run trains there.
            OutputError: the place cannot be written to.
        """
        made = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("w")
        except OSError as error:
            raise OutputError(f"{self.output}: cannot be written ({error.strerror}); choose another -o") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise OutputBusy(self.output) from error
            terms = self._terms()
            if terms.get("key") != key:
                self._clear()
                self.keep({"key": key})
                terms = {"key": key}
            try:
                yield terms
            except Exception:
                if made and not (self.path / CHECKPOINT).exists():  # nothing was learnt: leave nothing behind
                    shutil.rmtree(self.path)
                raise

    def keep(self, terms: dict[str, Any]) -> None:
        """Write down the terms."""
        draft = self.path / f"{TERMS}.new"
        draft.write_text(json.dumps(terms, indent=2) + "\n", encoding="utf-8")
        draft.replace(self.path / TERMS)

    def _terms(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.path / TERMS).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    def _clear(self) -> None:
        """Drop what another training left."""
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()

    def publish(self, draft: Path) -> None:
        """Put the finished package of the folder `draft` in its place, and drop the checkpoint."""
        if self.output.exists():
            old = self.path / "replaced"
            self.output.replace(old)
            draft.replace(self.output)
            shutil.rmtree(old)
        else:
            draft.replace(self.output)
        for name in (CHECKPOINT, "lock"):
            (self.path / name).unlink(missing_ok=True)


def _is_ours(folder: Path) -> bool:
    """True for an empty folder, and for a package that `geoglm train` made and nobody put anything into."""
    if not folder.is_dir():
        return False
    names = {p.name for p in folder.iterdir()}
    if not names:
        return True
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        made_here = "geoglm train" in str(card["geoglm:training"]["by"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return made_here and names <= {CARD, WEIGHTS}
