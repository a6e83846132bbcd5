"""``geoglm.explore``: results as a map in a notebook, from a server of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from geoglm.errors import GeoglmError, MissingExtra

if TYPE_CHECKING:
    import xarray as xr

    from geoglm.apps.viewer import Viewer


class Explored:
    """A map at work: shown by a notebook, and in any browser of this machine at `url`, until it is closed.

    Args:
        viewer: that serves it.
        height_px: of the map in a notebook.
        kept: files made for it, which go when it is closed.
    """

    def __init__(self, viewer: Viewer, height_px: int, kept: TemporaryDirectory[str] | None = None) -> None:
        self.url, self._viewer, self._height, self._kept = viewer.url, viewer, height_px, kept

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        style = f"width: 100%; height: {self._height}px; border: 1px solid rgb(128 128 128 / 40%)"
        return f'<iframe src="{escape(self.url)}" title="map of the results" style="{style}"></iframe>'

    def close(self) -> None:
        """End the server; what was saved for it alone is gone."""
        self._viewer.close()
        if self._kept is not None:
            self._kept.cleanup()


def explore(results: Any, *, scene: str | Path | None = None, height_px: int = 600) -> Explored:
    """Explore results on a map, as ``geoglm view`` shows them, without any other server than one of this machine.

    Args:
        results: what `geoglm.segment_file`, `change` or `series` gave, its folder, rasters, or several of these; or
            what `geoglm.segment` gave, which is computed and saved for it first.
        scene: shown below them; None for the one they were made from, if it is still where it was.
        height_px: of the map in a notebook.

    Returns:
        The map, with ``url`` and ``close()``; a notebook on this machine shows it.

    Raises:
        MissingExtra: the viewer is not installed.
        GeoglmError: there is nothing in them to see.
    """
    try:
        from geoglm.apps.viewer import serve
    except ModuleNotFoundError as error:
        raise MissingExtra.of(error) from error
    if hasattr(results, "data_vars"):
        kept = _saved(results)
        return Explored(serve(Path(kept.name) / "map", scene=scene), height_px, kept)
    several = results if isinstance(results, Sequence) and not isinstance(results, str) else [results]
    return Explored(serve([_place(r) for r in several], scene=scene), height_px)


def _saved(maps: xr.Dataset) -> TemporaryDirectory[str]:
    """Lazy maps in files."""
    kept = TemporaryDirectory(prefix="geoglm-")
    maps.geoglm.save(Path(kept.name) / "map", report=False)
    return kept


def _place(result: Any) -> Path:
    """Where results lie."""
    found = getattr(result, "folder", result)
    if not isinstance(found, str | Path):
        raise GeoglmError(f"explore wants results, their folder or rasters, not {type(result).__name__}")
    return Path(found)
