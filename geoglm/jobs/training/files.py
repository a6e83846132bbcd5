"""``geoglm train``: scenes and labels in, a model package of somebody's own classes out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from geoglm.errors import LabelError
from geoglm.io.geotiff import RasterFile
from geoglm.jobs.training.folder import TrainingFolder
from geoglm.jobs.training.material import Report, gather
from geoglm.jobs.training.request import TrainRequest, TrainResult
from geoglm.jobs.training.run import run_training
from geoglm.options import parse_scale
from geoglm.registry.catalog import find


def train_files(request: TrainRequest, output: Path, progress: Report = lambda *_: None) -> TrainResult:
    """Train a model and write its package into the folder `output`, whole or not at all.

    Killed at any point, the same call goes on from the checkpoint in ``OUTPUT.training/`` and ends with the same
    weights. The checkpoint is dropped when the package is there; tables and pictures stay.

    Raises:
        GeoglmError: of the kind that says what is wrong.
    """
    began = time.monotonic()
    base = find(request.base).with_weights() if request.base else None
    folder = TrainingFolder(output)
    for scene in request.scenes:
        RasterFile(scene)
    for path in request.labels:
        if not path.exists():
            raise LabelError(f"{path}: no such file; labels are a class raster or a file of polygons")
    with folder.held(request.key(base)) as terms:
        material = gather(request, base, request.name or folder.output.name, progress)
        seconds = {"reading": time.monotonic() - began}
        return run_training(request, material, base, folder, terms, seconds=seconds, report=progress)


def train(
    scenes: str | Path | Sequence[str | Path],
    labels: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    class_field: str | None = None,
    base: str | Path | None = None,
    name: str = "",
    minutes: float = 4.0,
    steps: int | None = None,
    bands: tuple[int, ...] | None = None,
    scale: float | str | None = None,
    fusion: str | None = None,
    encoder: str | None = None,
    seed: int = 1,
    validate: bool = True,
    processes: int = 1,
) -> TrainResult:
    """Teach geoglm your own classes: see `TrainRequest` for the options, `train_files` for what is written.

    >>> import geoglm
    >>> result = geoglm.train("ortho.tif", "polygons.gpkg", "my-model", base="aerial-landcover")  # doctest: +SKIP
    >>> result.miou, geoglm.segment("ortho.tif", "my-model").classes                               # doctest: +SKIP

    Args:
        scenes: one raster or several.
        labels: one file of polygons or class raster for all of them, or one for each.
        output: folder of the new model.
        base: model to go on from, the ``--from`` of the command; None to begin from nothing.

    Returns:
        The package, what was measured on the labels held back, and notes.

    Raises:
        GeoglmError: of the kind that says what is wrong.
    """
    request = TrainRequest(
        scenes=_paths(scenes),
        labels=_paths(labels),
        class_field=class_field,
        base=None if base is None else str(base),
        name=name,
        minutes=minutes,
        steps=steps,
        bands=bands,
        scale=parse_scale(None if scale is None else str(scale)),
        fusion=fusion,
        encoder=encoder,
        seed=seed,
        validate=validate,
        processes=processes,
    )
    return train_files(request, Path(output))


def _paths(given: str | Path | Sequence[str | Path]) -> tuple[Path, ...]:
    return (Path(given),) if isinstance(given, str | Path) else tuple(Path(g) for g in given)
