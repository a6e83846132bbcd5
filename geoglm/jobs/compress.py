"""``geoglm export``: a model as a graph that runs elsewhere, or in fewer bits."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import BadPackage, GeoglmError
from geoglm.io.geotiff import RasterFile
from geoglm.io.source import Source, read_padded
from geoglm.jobs.reading import Reading, read_scene
from geoglm.options import SegmentOptions
from geoglm.registry.catalog import find
from geoglm.registry.graph import ONNX, OPENVINO, GraphEntry
from geoglm.registry.package import ModelPackage, write_graph_package
from geoglm.types import PixelBox

Form = Literal["onnx", "openvino"]
TILES = 120
"""Tiles that the ranges of a quantised network are seen on, over all scenes."""
SIDE_PX = 256
"""Side of such a tile in pixels of the network, where it takes tiles of any size."""
CHECK_EVERY = 5
"""Of the tiles so many-th are kept for the comparison and not calibrated on."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was made.

    Args:
        package: that `geoglm segment` runs.
        megabytes: of its graph.
        same_class: share of pixels of tiles that were not calibrated on, to which it gives the class that the model
            gave before; None without a change of arithmetic.
    """

    package: ModelPackage
    megabytes: float
    same_class: float | None


def export_model(
    model: str, output: Path, *, form: Form = "onnx", int8: bool = False, scenes: Sequence[Path] = ()
) -> Exported:
    """Write the inference graph of `model` as a package of its own.

    Args:
        model: name or folder.
        output: a new folder; ``model.onnx``, or ``model.xml`` and ``model.bin``, with the card.
        form: 8 bits come as ``openvino``.
        int8: quantise weights and activations.
        scenes: rasters that the model is meant for, to see the ranges of its activations on.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """
    if int8 and not scenes:
        raise GeoglmError(
            "INT8 takes the ranges of a network's numbers from real pixels; name scenes: --calibrate A.tif"
        )
    package = find(model)
    if package.card.summary_size:
        raise BadPackage(package.folder, "its network looks at the scene as a whole; it cannot be exported")
    with tempfile.TemporaryDirectory(prefix="geoglm-") as scratch:
        path, entry = _graph(package, Path(scratch))
        card = dict(package.card.data) | {"geoglm:exported_from": _origin(package)}
        same, save = None, partial(_copy, path)
        if int8:
            graph, facts = _in_8_bits(path, entry, package, scenes)
            same = float(facts["same_class_as_float32"])
            card |= {"geoglm:quantisation": facts}
            save = partial(_save, graph)
        elif form == "openvino":
            save = partial(_convert, path)
        elif entry.file != ONNX:
            raise BadPackage(package.folder, "its graph is OpenVINO's, which ONNX cannot be made of; use --openvino")
        file = OPENVINO if int8 or form == "openvino" else ONNX
        made = write_graph_package(output, card, replace(entry, file=file, weights_sha256=None), save)
    size = sum(f.stat().st_size for f in made.folder.iterdir() if f.suffix != ".json")
    return Exported(made, size / 1e6, same)


def _graph(package: ModelPackage, scratch: Path) -> tuple[Path, GraphEntry]:
    """The package's own graph, or one made of its weights."""
    path, entry = package.graph(), package.card.graph
    if path is not None and entry is not None:
        return path, entry
    from geoglm.registry.graphs import onnx_bytes

    path = scratch / ONNX
    path.write_bytes(onnx_bytes(package))
    return path, GraphEntry(ONNX, "")


def _origin(package: ModelPackage) -> dict[str, str]:
    return {"name": package.card.name, "version": package.card.version, "sha256": package.sha256}


def _copy(path: Path, folder: Path) -> None:
    shutil.copyfile(path, folder / ONNX)


def _convert(path: Path, folder: Path) -> None:
    import openvino as ov

    _save(ov.Core().read_model(path), folder)


def _save(graph: Any, folder: Path) -> None:
    import openvino as ov

    ov.save_model(graph, folder / OPENVINO, compress_to_fp16=False)


def _in_8_bits(
    path: Path, entry: GraphEntry, package: ModelPackage, scenes: Sequence[Path]
) -> tuple[Any, dict[str, Any]]:
    """The graph quantised, and what the card says of it."""
    from geoglm.compress.quantize import folded_graph, quantised, same_class
    from geoglm.registry.antialias import antialiased

    samples = calibration_samples(package, scenes, entry)
    checked = samples[::CHECK_EVERY]
    seen = [s for k, s in enumerate(samples) if k % CHECK_EVERY] or samples
    exact = antialiased(folded_graph(path))
    graph = quantised(antialiased(folded_graph(path)), seen)
    same = same_class(exact, graph, checked, axis=1 if entry.layout == "NCHW" else 3)
    facts = {
        "method": "post-training, 8 bits, NNCF",
        "calibrated_on": [s.name for s in scenes],
        "tiles": len(seen),
        "same_class_as_float32": round(same, 5),
        "same_class_data": f"{len(checked)} other tiles of the same scenes",
    }
    return graph, facts


def calibration_samples(
    package: ModelPackage, scenes: Sequence[Path], entry: GraphEntry, *, tiles: int = TILES
) -> list[NDArray[np.float32]]:
    """Inputs of a package's graph, spread evenly over the valid pixels of `scenes`.

    Returns:
        Arrays ``(1, band, y, x)``, or ``(1, y, x, band)`` where the graph wants that.

    Raises:
        GeoglmError: no scene has a tile that is half valid; or of the kind that says what does not fit.
    """
    found: list[NDArray[np.float32]] = []
    for scene in scenes:
        source = RasterFile(scene)
        reading = read_scene(source, SegmentOptions(model=str(package.folder)))
        found += _samples_of(source, reading, entry, most=-(-tiles // len(scenes)))
    if not found:
        raise GeoglmError(f"{', '.join(s.name for s in scenes)}: no tile has data in half of its pixels; name others")
    return found


def _samples_of(source: Source, reading: Reading, entry: GraphEntry, *, most: int) -> list[NDArray[np.float32]]:
    """At most so many tiles of one scene."""
    meta, times = source.meta, reading.reduce
    rows, cols = entry.tile or (SIDE_PX, SIDE_PX)
    fill = reading.scaling.fill(reading.full_scale)
    tops, lefts = _spread(meta.height, rows * times), _spread(meta.width, cols * times)
    places = [(t, left) for t in tops for left in lefts]
    step = max(1, -(-len(places) // most))
    samples = []
    for top, left in places[::step]:
        box = PixelBox(top, left, top + rows * times, left + cols * times)
        pixels, valid = read_padded(source, box, reading.bands, fill=fill, dtype="float32")
        if valid.mean() < 0.5:
            continue
        scaled = reading.scaling.applied(pixels, reading.full_scale)
        small = scaled.reshape(len(scaled), rows, times, cols, times).mean(axis=(2, 4))
        upright = small if entry.layout == "NCHW" else small.transpose(1, 2, 0)
        samples.append(np.ascontiguousarray(upright[None], np.float32))
    return samples


def _spread(length: int, side: int) -> list[int]:
    """Where tiles of a side begin that cover a length, the last ending with it.

    >>> _spread(10, 4), _spread(3, 4)
    ([0, 3, 6], [0])
    """
    count = max(1, -(-length // side))
    return [round(k * max(length - side, 0) / max(count - 1, 1)) for k in range(count)]
