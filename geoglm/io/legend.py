"""The legend that geoglm writes into its maps of classes."""

from __future__ import annotations

import json
from pathlib import Path

from geoglm.io.guard.raster import opened
from geoglm.io.guard.trust import trust
from geoglm.types import LandClass


def own_legend(path: Path) -> tuple[LandClass, ...]:
    """Values, names and colours as the raster at `path` tells them; none if it is not of geoglm's making.

    Raises:
        GeoglmError: it cannot be read.
    """
    from geoglm.io.label_raster import DRIVERS

    with opened(path, DRIVERS, trust()) as file:
        text = file.tags().get("CLASSES", "[]")
    try:
        return tuple(LandClass(int(c["value"]), str(c["name"]), str(c["colour"])) for c in json.loads(text))
    except (ValueError, TypeError, KeyError):
        return ()
