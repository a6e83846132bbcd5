"""Bands in files that a pattern names, such as ``folder/*_B*.tif``: called by what tells their names apart."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from geoglm.io.guard.trust import Trust
from geoglm.io.products.listing import NOTHING_MORE, Listing

MAGIC = re.compile(r"[*?\[]")


def is_pattern(path: Path) -> bool:
    """Whether a path is a pattern rather than the name of a file that is there."""
    return bool(MAGIC.search(str(path))) and not path.exists()


def matching(pattern: Path, trust: Trust = NOTHING_MORE) -> Listing:
    """The files of a pattern, numbers in their names counted as such: B2 comes before B11."""
    found = glob.glob(str(pattern))  # noqa: PTH207 - that of Path takes no pattern from the root
    files = sorted((p for p in found if Path(p).is_file()), key=_natural)
    return Listing(Path(), tuple(files), bound=False, trust=trust)


def band_names(files: Listing) -> list[str]:
    """What tells each name from the others: of its parts between ``_``, ``-`` and ``.`` those not shared by all.

    >>> band_names(Listing(Path(), ("s_B02_10m.tif", "s_B11_10m.tif")))
    ['B02', 'B11']
    """
    parts = [_parts(name) for name in files.names]
    shared = set.intersection(*(set(p) for p in parts)) if len(parts) > 1 else set()
    return ["_".join(p for p in own if p not in shared) or Path(name).stem
            for own, name in zip(parts, files.names, strict=True)]  # fmt: skip


def shared_name(pattern: Path) -> str:
    """A name for the whole: the parts that all names share, else that of the folder.

    Of ``folder/T33_20170216_B*.jp2`` it is ``T33_20170216``.
    """
    parts = [_parts(name) for name in matching(pattern).names]
    shared = [p for p in parts[0] if all(p in other for other in parts)] if len(parts) > 1 else []
    return "_".join(shared) or pattern.absolute().parent.name or "bands"


def _parts(name: str) -> list[str]:
    return [p for p in re.split(r"[_.\- ]+", Path(name).stem) if p]


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
