"""``geoglm export``: a model as a graph that runs elsewhere, in fewer bits, or with fewer channels."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from geoglm.errors import BadPackage, GeoglmError
from geoglm.jobs.export.prune import Pruning, pruned_package
from geoglm.jobs.export.samples import calibration_samples, in_two
from geoglm.registry.catalog import find
from geoglm.registry.graph import ONNX, OPENVINO, GraphEntry, graph_files
from geoglm.registry.package import ModelPackage, new_folder, write_graph_package

Form = Literal["onnx", "openvino"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was made.

    Args:
        package: that `geoglm segment` runs.
        megabytes: of its graph.
        same_class: in 8 bits, share of pixels of tiles that were not calibrated on, to which it gives the class that
            the same network gives in float32; else None.
        pruning: what was taken out, if anything.
    """

    package: ModelPackage
    megabytes: float
    same_class: float | None
    pruning: Pruning | None = None


def export_model(
    model: str,
    output: Path,
    *,
    form: Form = "onnx",
    prune: float = 0.0,
    int8: bool = False,
    scenes: Sequence[Path] = (),
) -> Exported:
    """Write the inference graph of `model` as a package of its own.

    Args:
        model: name or folder.
        output: a new folder; ``model.onnx``, or ``model.xml`` and ``model.bin``, with the card; of a pruned model as
            ONNX also its weights, for ``geoglm train --from``.
        form: 8 bits come as ``openvino``.
        prune: share of the network's multiply-adds that goes with the channels that send least on, 0 to below 1.
        int8: quantise weights and activations.
        scenes: rasters that the model is meant for, to see the ranges of its activations on, and to mend what is left
            of a pruned network.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """
    if int8 and not scenes:
        raise GeoglmError(
            "INT8 takes the ranges of a network's numbers from real pixels; name scenes: --calibrate A.tif"
        )
    if not 0 <= prune < 1:
        raise GeoglmError(f"{prune:g} of a network's multiply-adds cannot be pruned; choose 0 to below 1, such as 0.4")
    package, pruning = find(model), None
    if package.card.summary_size:
        raise BadPackage(package.folder, "its network looks at the scene as a whole; it cannot be exported")
    origin = {"geoglm:exported_from": _origin(package)}
    with tempfile.TemporaryDirectory(prefix="geoglm-") as scratch:
        if prune:
            package, pruning = pruned_package(package, prune, scenes, Path(scratch) / "pruned", more=origin)
        if prune and form == "onnx" and not int8:
            with new_folder(output) as draft:
                shutil.copytree(package.folder, draft, dirs_exist_ok=True)
            return Exported(ModelPackage.open(output), _megabytes(output, ONNX), None, pruning)
        path, entry = _graph(package, Path(scratch))
        card = dict(package.card.data) | origin
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
    return Exported(made, _megabytes(output, file), same, pruning)


def _megabytes(folder: Path, graph: str) -> float:
    return sum(f.stat().st_size for f in graph_files(folder, graph)) / 1e6


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

    seen, checked = in_two(calibration_samples(package, scenes, entry))
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
