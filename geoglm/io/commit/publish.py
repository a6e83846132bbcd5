"""Results become visible together.

A folder that is new or empty is the drafts, renamed. One that holds nothing but an earlier result changes places with
them in one step. In any other (somebody's files lie there too, or the system cannot do that) a record of what goes
where is written first; then the manifest is taken away, the files are moved, and the new manifest comes last. A run
that is killed in between is completed by the next from that record.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from geoglm.io.commit.exchange import dress, exchange
from geoglm.io.commit.whole import file_facts, sync_folder, write_whole

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Move:
    """What moves into a folder with other files, and what makes room.

    Args:
        brings: name → SHA-256 of each new file.
        clears: names of an earlier result.
    """

    brings: dict[str, str]
    clears: tuple[str, ...]

    @classmethod
    def read(cls, record: Path) -> Move | None:
        """The one in a record; None where there is none, or a damaged one."""
        try:
            checksum, _, text = record.read_bytes().partition(b"\n")
        except OSError:
            return None
        if checksum != _checksum(text):
            return None
        told = json.loads(text)
        return cls(told["brings"], tuple(told["clears"]))

    def write(self, record: Path) -> None:
        """Write it down, under a checksum."""
        text = json.dumps(asdict(self)).encode()
        write_whole(record, _checksum(text) + b"\n" + text)

    @property
    def names(self) -> tuple[str, ...]:
        """All files that it touches, the manifest first."""
        return tuple(sorted({*self.brings, *self.clears}, key=lambda n: (n != MANIFEST, n)))

    def carry_out(self, drafts: Path, output: Path) -> None:
        """Move, or go on moving; the manifest goes first and comes last."""
        waiting = [n for n in self.brings if (drafts / n).exists()]
        for name in self.names:
            if name in self.brings and name not in waiting:
                continue
            if name not in waiting or name == MANIFEST:
                (output / name).unlink(missing_ok=True)
            (output / f"{name}.aux.xml").unlink(missing_ok=True)  # statistics of the earlier file
            if name == MANIFEST:
                sync_folder(output)
        for name in sorted(waiting, key=lambda n: n == MANIFEST):
            if name == MANIFEST:
                sync_folder(output)
            (drafts / name).replace(output / name)
        sync_folder(output)

    def is_whole(self, drafts: Path, output: Path) -> bool:
        """Whether each new file is in its old or its new place, byte for byte."""

        def sound(name: str, told: str) -> bool:
            path = drafts / name
            try:
                return bool(file_facts(path if path.exists() else output / name)["sha256"] == told)
            except OSError:
                return False

        return all(sound(*entry) for entry in self.brings.items())


def _checksum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def publish(
    drafts: Path, output: Path, record: Path, *, earlier: Collection[str], hashes: Callable[[], dict[str, str]]
) -> None:
    """Make the files in `drafts`, which are on the disk, those of `output`.

    Args:
        record: where to write down a move; afterwards it is gone.
        earlier: names of an earlier result in `output`.
        hashes: gives the SHA-256 of each draft by name, where files have to be moved.
    """
    if _renamed(drafts, output) or _exchanged(drafts, output, earlier):
        sync_folder(output.parent)
        return
    move = Move(hashes(), tuple(earlier))
    move.write(record)
    move.carry_out(drafts, output)
    record.unlink()


def _renamed(drafts: Path, output: Path) -> bool:
    """Rename the drafts to a folder that is not there, or empty."""
    if not output.exists():
        drafts.replace(output)
        return True
    if _is_here(output) or any(output.iterdir()) or not dress(drafts, output):
        return False
    with suppress(OSError):  # something is mounted there
        drafts.replace(output)
        return True
    return False


def _exchanged(drafts: Path, output: Path, earlier: Collection[str]) -> bool:
    """Change places with a folder that holds an earlier result and nothing else."""
    ours = {*earlier, *(f"{n}.aux.xml" for n in earlier)}
    if MANIFEST not in earlier or _is_here(output) or not {p.name for p in output.iterdir()} <= ours:
        return False
    if not (dress(drafts, output) and exchange(drafts, output)):
        return False
    for path in drafts.iterdir():
        if path.name not in ours:  # came in that very moment
            path.replace(output / path.name)
    return True


def _is_here(output: Path) -> bool:
    """Whether this process works in the folder, which must stay the same one then."""
    with suppress(OSError):
        return os.path.samestat(output.stat(), Path().stat())
    return False


def finish(drafts: Path, output: Path, record: Path) -> bool:
    """Complete the move of a run that was killed in it; False where there was none, or its drafts are damaged.

    A record of damaged drafts stays: it tells which files in `output` are ours.
    """
    move = Move.read(record)
    if move is None or not output.is_dir() or not move.is_whole(drafts, output):
        return False
    move.carry_out(drafts, output)
    record.unlink()
    return True
