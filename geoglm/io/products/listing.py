"""Files of a product by their names, in a folder or in a zip, and the guard for each of them."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geoglm.errors import FileRefused, SceneUnreadable
from geoglm.io.guard.kinds import HEAD, driver_of, head_of, regular
from geoglm.io.guard.markup import MOST_BYTES
from geoglm.io.guard.probe import helper
from geoglm.io.guard.raster import admitted
from geoglm.io.guard.trust import Trust

DRIVERS = ("GTiff", "JP2OpenJPEG")
MOST_FILES = 20_000
"""Far more than a product has."""
MOST_DEPTH = 6
"""Folders within folders that are looked into."""
MOST_TEXT = MOST_BYTES + 1
"""Bytes of metadata that are read."""
NOTHING_MORE = Trust()


@dataclass(frozen=True, slots=True)
class Listing:
    """What a product consists of.

    Args:
        root: the folder or the zip.
        names: of the files, from there, with forward slashes.
        zipped: whether `root` is a zip.
        bound: whether links may lead no further than its folder and what is trusted.
        trust: what is trusted.
    """

    root: Path
    names: tuple[str, ...]
    zipped: bool = False
    bound: bool = True
    trust: Trust = NOTHING_MORE

    @classmethod
    def of(cls, root: Path, trust: Trust) -> Listing:
        """All files of a folder or of a zip.

        Raises:
            SceneUnreadable: it is a damaged zip.
            FileRefused: there are too many files, or two of one name.
        """
        if root.is_dir():
            names = [name for _, name in zip(range(MOST_FILES + 1), _walk(root, "", MOST_DEPTH), strict=False)]
        else:
            names = _members(root)
        if len(names) > MOST_FILES:
            raise FileRefused(root, f"it holds more than {MOST_FILES} files; name the folder of one product")
        if len(set(names)) < len(names):
            raise FileRefused(root, "it is a zip with two files of one name; unpack it and look")
        return cls(root, tuple(sorted(names)), zipped=not root.is_dir(), trust=trust)

    def text(self, name: str) -> bytes:
        """The beginning of a file, all of it where it is metadata of the usual size.

        Raises:
            SceneUnreadable, FileRefused: it cannot be read.
        """
        return self._head(name, MOST_TEXT)

    def gdal(self, name: str) -> str:
        """What GDAL calls a file."""
        return f"/vsizip/{{{self.root.absolute()}}}/{name}" if self.zipped else str((self.root / name).absolute())

    def path(self, name: str) -> Path:
        """The file of this machine that holds the file called `name`."""
        return self.root if self.zipped else self.root / name

    def within(self, file: Path, own: Path | None = None) -> Path:
        """`file`, once it is seen that no link leads from there out of the product, or out of the folder `own`.

        Raises:
            FileRefused: one does.
        """
        if self.bound and not self.trust.reaches(file, own or self.root):
            place = file.resolve().parent
            raise FileRefused(file, f"it lies outside the product; --allow-vrt-source {place} lets it in")
        return file

    def admit(self, name: str) -> list[str]:
        """The drivers that may open a file, once it has been looked through and tried in a helper.

        Raises:
            SceneUnreadable: it is no raster of a kind that is opened.
            FileRefused: it might do harm.
        """
        if not self.zipped:
            return admitted(self.within(self.root / name), DRIVERS, self.trust)
        kind = driver_of(self._head(name, HEAD))
        if kind not in DRIVERS:
            raise SceneUnreadable(self.root / name, "it is no GeoTIFF or JPEG 2000")
        helper.try_out(regular(self.root), [kind], name=self.gdal(name))
        return [kind]

    def _head(self, name: str, size: int) -> bytes:
        if not self.zipped:
            return head_of(regular(self.within(self.root / name)), size)
        try:
            with zipfile.ZipFile(self.root) as packed, packed.open(name) as stream:
                return stream.read(size)
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
            raise SceneUnreadable(self.root / name, str(error)) from error


def _walk(root: Path, above: str, depth: int) -> Iterator[str]:
    """Files of a folder and those in it; links to folders are not followed."""
    try:
        with os.scandir(root / above) as found:
            entries = sorted(found, key=lambda e: e.name)
    except OSError as error:
        raise FileRefused(root / above, f"it cannot be listed ({error.strerror})") from error
    for entry in entries:
        name = f"{above}/{entry.name}".lstrip("/")
        if entry.is_dir(follow_symlinks=False):
            if depth > 0:
                yield from _walk(root, name, depth - 1)
        else:
            yield name


def _members(root: Path) -> list[str]:
    """Files in a zip."""
    try:
        with zipfile.ZipFile(regular(root)) as packed:
            names = [m.filename for m in packed.infolist() if not m.is_dir()]
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, UnicodeError) as error:
        raise SceneUnreadable(root, f"it is no zip that can be read ({error})") from error
    if strange := next((n for n in names if re.match(r"/|\w:|.*\\", n) or ".." in n.split("/")), None):
        raise FileRefused(root, f"it names a file outside itself ({strange[:80]!r}); pack it anew")
    return names
