"""`geoglm.explain`: a place or a scene in; what its class hangs on out, as numbers, pictures and maps."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoglm.errors import GeoglmError, OutputError, TargetError
from geoglm.io.explain.target import Target, point_target, polygon_target
from geoglm.io.geotiff import RasterFile
from geoglm.io.journal import OUTPUTS, Stage
from geoglm.io.products.product import scene_stem
from geoglm.io.remote import Remote, SceneRef, scene_ref
from geoglm.io.source import Source
from geoglm.jobs.explain.options import ExplainOptions
from geoglm.jobs.explain.outputs import draw_place, draw_scene
from geoglm.jobs.explain.place import explain_place
from geoglm.jobs.explain.record import Explanation, Importance
from geoglm.jobs.explain.scene import explain_scene
from geoglm.jobs.manifest import made_by
from geoglm.jobs.notebook.bar import barred
from geoglm.jobs.progress import Progress, silent

if TYPE_CHECKING:
    import xarray as xr


def default_output(scene: SceneRef) -> Path:
    """The folder in which results are put at the command line unless said otherwise."""
    name = f"{scene_stem(scene)}-explained"
    return scene.with_name(name) if isinstance(scene, Path) else Path(name)


@barred
def explain(
    scene: str | SceneRef | xr.DataArray,
    output: str | Path | None = None,
    *,
    at: tuple[float, float] | None = None,
    at_lonlat: tuple[float, float] | None = None,
    polygon: str | Path | None = None,
    whole: bool = False,
    progress: Progress = silent,
    **choices: Any,
) -> Explanation | Importance:
    """Why a model maps a place, or a scene, as it does; the model is known by its answers only.

    Of a place: which surroundings its class hangs on (squares are covered in turn), what each band adds (Shapley
    values), the smallest change of its bands after which it would be another class, and, of a model with a context
    module, what that heeds. Of a whole scene: how much less sure the model would be without each band.

    Args:
        scene: path or URL of a raster, or a ``(band, y, x)`` DataArray such as `open_scene` gives.
        output: folder for pictures and numbers; None to write nothing.
        at: x and y of a point in the scene's CRS; column and row where it has no transform.
        at_lonlat: longitude and latitude of a point instead.
        polygon: file with polygons instead; they are explained together.
        whole: the whole scene instead.
        choices: fields of `ExplainOptions`, e.g. ``model="aerial-landcover", cell_px=16``.

    Returns:
        the numbers.

    Raises:
        GeoglmError: of the kind that says what is wrong.
    """
    known = ExplainOptions.__dataclass_fields__
    if wrong := [c for c in choices if c not in known]:
        raise GeoglmError(f"explain has no choice {wrong[0]!r}; there are {', '.join(known)}")
    options = ExplainOptions(**choices)
    asked = [at is not None, at_lonlat is not None, polygon is not None, whole]
    if sum(asked) != 1:
        raise TargetError("say what is to be explained by one of at=(x, y), at_lonlat, polygon=FILE and whole=True")
    place = None if not isinstance(scene, str | Path | Remote) else scene_ref(scene)
    source = _opened(scene, place, options)

    def told() -> Explanation | Importance:
        return explain_scene(source, options, progress) if whole else _place(source)

    def _place(source: Source) -> Explanation:
        return explain_place(source, _target(source, at, at_lonlat, polygon), options, progress)

    if output is None:
        return told()
    stage = Stage(_checked(Path(output), place), f"explain {time.time_ns()}")
    with stage.held():
        try:
            found = told()
            _write(stage, found, source)
        except KeyboardInterrupt:
            stage.discard()  # nothing of it could be taken up again
            raise
    return found


def _target(
    source: Source,
    at: tuple[float, float] | None,
    at_lonlat: tuple[float, float] | None,
    polygon: str | Path | None,
) -> Target:
    if polygon is not None:
        return polygon_target(source.meta, Path(polygon))
    if at is not None:
        return point_target(source.meta, at)
    assert at_lonlat is not None
    return point_target(source.meta, at_lonlat, lonlat=True)


def _opened(scene: Any, place: SceneRef | None, options: ExplainOptions) -> Source:
    if place is not None:
        return RasterFile(place, resample=options.resample)
    from geoglm.io.lazy import DataArrayScene

    if options.resample is not None:
        raise GeoglmError("resample works on files; resample the array with .interp() or .coarsen() first")
    try:
        return DataArrayScene(scene)
    except AttributeError as error:
        raise GeoglmError(f"explain wants a path or a (band, y, x) DataArray, not {type(scene).__name__}") from error


def _checked(output: Path, scene: SceneRef | None) -> Path:
    """The folder as an absolute path; it must be none that would overwrite the scene."""
    folder = output.resolve()
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{output}: is a file; -o wants a folder")
    if isinstance(scene, Path) and scene.resolve().parent == folder and scene.stem in OUTPUTS:
        raise OutputError(f"{output}: the results would overwrite {scene.name} itself; choose another -o")
    return folder


def _write(stage: Stage, found: Explanation | Importance, source: Source) -> None:
    """Pictures, numbers and manifest, made visible together."""
    drafts = stage.drafts
    if isinstance(found, Explanation):
        draw_place(drafts, found, source)
    else:
        draw_scene(drafts, found, source)
    text = json.dumps(found.as_dict(), indent=2, ensure_ascii=False) + "\n"
    (drafts / "explanation.json").write_text(text, encoding="utf-8")
    stage.commit(made_by() | {"scene": found.scene, "model": found.model})
