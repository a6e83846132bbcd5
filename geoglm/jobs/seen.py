"""The scene as it was when a run began: whoever reads it for hours must notice when it becomes another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from geoglm.errors import SceneChanged, SceneNotFound, SceneUnreadable
from geoglm.io.geotiff import scene_files
from geoglm.io.remote import SceneRef
from geoglm.jobs.manifest import quick_key

Stamp = tuple[int, ...]


def stamp(scene: SceneRef) -> Stamp:
    """What changes when a file does, at the price of one look; nothing of a scene that is elsewhere, or not there."""
    if not isinstance(scene, Path) or scene.is_dir():
        return ()
    try:
        status = scene.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class Seen:
    """The scene as it was opened: `key` stands for all its files, or for what its server says of it.

    Args:
        facts: what the server said when it was opened.
        before: `stamp` from before it was opened.

    Raises:
        SceneChanged: it became another one since.
    """

    def __init__(self, scene: SceneRef, facts: Mapping[str, str], before: Stamp) -> None:
        self.scene, self.facts = scene, dict(facts)
        self.key = quick_key(scene_files(scene), facts)
        self._stamp = stamp(scene)
        if before and self._stamp != before:
            raise SceneChanged(scene)

    def check(self) -> None:
        """Look again.

        Raises:
            SceneChanged: size, time, beginning or end of one of its files, or its entity tag, are others.
            SceneUnreadable, SceneUnreachable: it cannot be read at the moment.
        """
        facts = {} if isinstance(self.scene, Path) else self.scene.facts()
        try:
            same = stamp(self.scene) == self._stamp and quick_key(scene_files(self.scene), facts) == self.key
        except (FileNotFoundError, SceneNotFound) as error:
            raise SceneChanged(self.scene) from error
        except OSError as error:
            raise SceneUnreadable(self.scene, str(error.strerror or error)) from error
        if not same:
            raise SceneChanged(self.scene)
