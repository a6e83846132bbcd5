"""A file written into finished results later on belongs to them as if the run had left it."""

from __future__ import annotations

import json
from pathlib import Path

from geoglm.io.commit.publish import MANIFEST
from geoglm.io.commit.whole import file_facts, write_whole


def add_output(path: Path) -> None:
    """Have the manifest beside the file at `path`, if there is one of ours, tell of it; a later run replaces it then.

    Raises:
        OSError: the manifest cannot be written.
    """
    place = path.with_name(MANIFEST)
    try:
        manifest = json.loads(place.read_text(encoding="utf-8"))
        outputs, files = [str(n) for n in manifest["outputs"]], dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    told = {
        "outputs": [*sorted({*outputs, path.name} - {MANIFEST}), MANIFEST],
        "files": files | {path.name: file_facts(path)},
    }
    write_whole(place, json.dumps(manifest | told, indent=2, ensure_ascii=False) + "\n")
