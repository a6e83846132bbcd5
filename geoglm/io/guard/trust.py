"""What this process may open: of its own accord little, and more where the user says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trust:
    """What may be opened beyond the usual, and how much memory it may take.

    Args:
        drivers: of GDAL, by their short names, besides those that a command knows.
        remote: files of this machine (VRTs, STAC items) may draw on files elsewhere.
        folders: VRTs and STAC items may draw on what lies in these, besides their own folder.
        memory: bytes that there are; see `geoglm.io.guard.limits`.
    """

    drivers: tuple[str, ...] = ()
    remote: bool = False
    folders: tuple[Path, ...] = ()
    memory: int = 2 * 10**9

    def within(self, memory: int) -> Trust:
        """The same with `memory` bytes."""
        return replace(self, memory=memory)

    def allows(self, driver: str | None, drivers: Sequence[str]) -> bool:
        """Whether `driver` is one of `drivers` or of those that were asked for, in small letters or large."""
        return driver is not None and driver.lower() in [d.lower() for d in (*drivers, *self.drivers)]

    def reaches(self, file: Path, own: Path) -> bool:
        """Whether something in the folder `own` may draw on `file`, links followed."""
        place = file.resolve()
        return any(place.is_relative_to(folder.resolve()) for folder in (own, *self.folders))


_given = Trust()


def trust() -> Trust:
    """What is trusted now, in all threads."""
    return _given


@contextmanager
def trusting(given: Trust) -> Iterator[None]:
    """Trust `given` within the block, in all threads: what a scene is opened with it keeps, also in other processes."""
    global _given  # noqa: PLW0603 - of the process, as threads of dask know no context
    before, _given = _given, given
    try:
        yield
    finally:
        _given = before
