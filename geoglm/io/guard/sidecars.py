"""Files that GDAL opens with a raster because of their names or its tags: overviews, masks, and what metadata point to.

A ``scene.tif.ovr`` or ``scene.tif.msk`` is opened by whichever driver knows it, so it could be a VRT; and the metadata
item OVERVIEW_FILE, in the file itself or in ``scene.tif.aux.xml``, names a file anywhere that serves as overviews.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from geoglm.errors import FileRefused
from geoglm.io.guard.kinds import driver_of, head_of, regular
from geoglm.io.guard.markup import MOST_BYTES, strict_tree
from geoglm.io.guard.trust import Trust

PIXELS = (".ovr", ".msk")
"""Endings of files with pixels that belong to another."""
FOREIGN = {"OVERVIEWS": "OVERVIEW_FILE", "GEOLOCATION": "X_DATASET"}
"""Domain of metadata → its item that names another file."""


def check_sidecars(path: Path, trust: Trust) -> None:
    """Look through what lies beside the raster at `path` and bears its name.

    Raises:
        FileRefused: something there is no TIFF where it should be one, or points elsewhere.
    """
    name, stem = path.name.lower(), path.stem.lower()
    for file in _beside(path):
        other = file.name.lower()
        if other.startswith((name, f"{stem}.")) and other.endswith(PIXELS):
            if driver_of(head_of(regular(file))) != "GTiff":
                raise FileRefused(path, f"{file.name} beside it is no TIFF; take it away")
        elif other in (f"{name}.aux.xml", f"{stem}.aux.xml"):
            _check_auxiliary(regular(file), path)
        elif other in (f"{name}.aux", f"{stem}.aux") and _is_foreign(file, trust):
            raise FileRefused(path, f"{file.name} beside it is an ERDAS file; take it away, or --allow-driver HFA")


def check_tags(dataset: Any, path: object) -> None:
    """Look through the metadata of a dataset that has just been opened, before its overviews are asked for.

    Raises:
        FileRefused: they name a file that it would draw on.
    """
    for domain, item in FOREIGN.items():
        if named := dataset.tags(ns=domain).get(item):
            raise FileRefused(path, f"its metadata name {named!r} as its {domain.lower()}; take out the item {item}")


def _is_foreign(file: Path, trust: Trust) -> bool:
    """Whether it is an ERDAS file, and nobody asked for these."""
    return driver_of(head_of(regular(file))) == "HFA" and not trust.allows("HFA", ())


def _beside(path: Path) -> list[Path]:
    """Files in the folder of `path`."""
    try:
        with os.scandir(path.parent) as found:
            return [path.parent / f.name for f in found if f.name != path.name]
    except OSError:  # a folder that may be entered and not listed, which GDAL cannot list either
        return []


def _check_auxiliary(file: Path, path: Path) -> None:
    """That a file of auxiliary metadata names no other file."""
    root = strict_tree(head_of(file, MOST_BYTES + 1), path)
    for node in root.iter("metadata"):
        if (domain := node.get("domain", "").upper()) in FOREIGN:
            raise FileRefused(path, f"{file.name} beside it names files for its {domain.lower()}; take it away")
