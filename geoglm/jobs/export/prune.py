"""A pruned package: weights that `geoglm train --from` goes on from, and the graph that `geoglm segment` runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import BadPackage, MissingExtra
from geoglm.jobs.export.samples import calibration_samples, in_two
from geoglm.registry.graph import ONNX, GraphEntry
from geoglm.registry.package import ModelPackage

MEASURED = ("geoglm:metrics", "geoglm:calibration")
"""What a card says of weights that a pruned network no longer has."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """What was taken out; stands in the card as ``geoglm:pruning``.

    Args:
        multiply_adds, parameters: shares that are gone.
        mended_on: names of the scenes that what is left was fitted to; empty without.
        same_class: share of pixels of other tiles of these scenes to which it gives the class that the whole network
            gave; None without scenes.
    """

    multiply_adds: float
    parameters: float
    mended_on: tuple[str, ...] = ()
    same_class: float | None = None


def pruned_package(
    package: ModelPackage, share: float, scenes: Sequence[Path], folder: Path, *, more: Mapping[str, Any]
) -> tuple[ModelPackage, Pruning]:
    """Write the package of a network with `share` fewer multiply-adds into `folder`.

    Args:
        package: with weights.
        scenes: rasters that the model is meant for, to mend the network on; may be empty.
        more: for the card.

    Raises:
        BadPackage: it has no weights.
        GeoglmError: so much cannot be pruned, or a scene does not fit.
        MissingExtra: torch is not installed.
    """
    whole: Any = package.with_weights().network()
    try:
        import torch

        from geoglm.compress.mend import mend
        from geoglm.compress.prune import pruned
        from geoglm.nn.segmenter import Segmenter
        from geoglm.registry.graphs import add_graph
        from geoglm.registry.package import write_package
    except ModuleNotFoundError as error:
        raise MissingExtra.of(error) from error
    if not isinstance(whole, Segmenter):
        raise BadPackage(package.folder, f"a {type(whole).__name__} has no channels to prune")
    samples = calibration_samples(package, scenes, GraphEntry(ONNX, "")) if scenes else []
    seen, checked = in_two(samples)
    smaller = pruned(whole, share, bands=len(package.card.bands))
    if seen:
        mend(smaller.network, whole, smaller.places, [torch.from_numpy(s) for s in seen])
    told = Pruning(
        multiply_adds=round(1 - smaller.operations[1] / smaller.operations[0], 4),
        parameters=round(1 - smaller.parameters[1] / smaller.parameters[0], 4),
        mended_on=tuple(s.name for s in scenes),
        same_class=_same_class(whole, smaller.network, checked) if checked else None,
    )
    card = {k: v for k, v in package.card.data.items() if k not in MEASURED} | {
        "geoglm:network": dict(package.card.network) | {"kept": smaller.kept},
        "mlm:total_parameters": smaller.parameters[1],
        "geoglm:pruning": asdict(told) | {"hidden_channels": list(smaller.hidden)},
        **more,
    }
    return add_graph(write_package(folder, smaller.network, card)), told


def _same_class(first: Any, second: Any, samples: Sequence[NDArray[np.float32]]) -> float:
    """The share of pixels to which two networks give the same class."""
    import torch

    with torch.no_grad():
        pairs = [(first(x).argmax(1), second(x).argmax(1)) for x in map(torch.from_numpy, samples)]
    return round(float(np.mean([(a == b).float().mean() for a, b in pairs])), 5)
