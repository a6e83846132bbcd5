"""ONNX models from outside as packages: looked through, tried on a tile, written with their card."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import RefusedModel
from geoglm.registry.antialias import antialiased
from geoglm.registry.card import ModelCard
from geoglm.registry.graph import ONNX, Answers, GraphEntry, Layout
from geoglm.registry.onnx_file import OnnxFacts, OnnxPort
from geoglm.registry.operators import ALLOWED
from geoglm.registry.package import ModelPackage, write_graph_package

MOST_BYTES = 512 * 2**20
"""Of an ONNX file."""
STRIDE, HALO = 32, 64
"""Of a model whose card says nothing of its tiling, px; its tiles are then faded into each other."""
AXES: Mapping[str, str] = {
    **{"batch": "N", "bands": "C", "channels": "C", "channel": "C", "class": "C", "classes": "C"},
    **{"height": "H", "y": "H", "width": "W", "x": "W"},
}
"""Words of ``dim_order`` in the STAC MLM extension."""


Weigh = Callable[[Path, GraphEntry, int, int], float]
"""Tells the bytes a pixel of a graph, see `geoglm.registry.activations.activation_bytes_px`."""


def import_onnx(path: Path, card: Mapping[str, Any], folder: Path, *, weigh: Weigh | None = None) -> ModelPackage:
    """Make a package of the ONNX model at `path` in the new folder `folder`.

    The model takes one image and answers with one value for each class and pixel. Where the card does not say, the
    order of its axes is seen from its shapes, and whether it answers logits or probabilities from a trial.

    Args:
        card: as of a package, or a STAC item with it; see `completed` for what may be left out.
        weigh: measures the memory it takes; None for a plan that takes it for a network like the shipped.

    Raises:
        RefusedModel: the file is too large, no such model, or does not fit the card.
        OutputError: there is such a folder already, or it cannot be made.
    """
    facts = _looked_through(path)
    try:
        complete = completed(dict(card.get("properties", card)), path.name)
        entry = _entry(facts, complete)
        stride = _stride(complete, entry)
        complete["geoglm:tiling"] = {"stride": stride, "tileable": False, "halo": HALO} | complete["geoglm:tiling"]
        parsed = ModelCard.parse(complete | {"geoglm:graph": entry.as_dict()})
    except KeyError as error:
        raise RefusedModel(path, f"the card lacks {error}") from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise RefusedModel(path, f"the card does not do: {error}") from error
    if not re.fullmatch(r"[\w.+-]+", parsed.name) or parsed.name.startswith("."):
        raise RefusedModel(path, f"mlm:name {parsed.name!r} is no name for a folder; use letters, digits, - and _")
    shown = _given(complete, "mlm:output", "geoglm:answers") or _tried(path, entry, parsed)
    weight = None if weigh is None else round(weigh(path, entry, len(parsed.bands), parsed.stride))
    entry = replace(entry, answers=shown, bytes_px=weight)
    return write_graph_package(folder, complete, entry, lambda draft: shutil.copyfile(path, draft / ONNX))


def completed(card: dict[str, Any], file: str) -> dict[str, Any]:
    """A card with what may be left out: version, description, full scale, tiling, network (a graph has none).

    Args:
        file: name of the model's file, for the description.
    """
    usual: dict[str, Any] = {
        "version": "1",
        "description": f"imported from {file}",
        "geoglm:full_scale": {},
        "geoglm:tiling": {},
        "geoglm:gsd_range": None,
        "mlm:framework": "ONNX",
    }
    return usual | {k: v for k, v in card.items() if k not in ("geoglm:network", "geoglm:graph")}


def _looked_through(path: Path) -> OnnxFacts:
    """What the file asks for, once that is seen to be harmless."""
    if not path.is_file():
        raise RefusedModel(path, "no such file")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise RefusedModel(path, f"its {size / 1e6:.0f} MB are more than {MOST_BYTES / 1e6:.0f} MB")
    try:
        facts = OnnxFacts.read(path)
    except ValueError as error:
        raise RefusedModel(path, f"it is no ONNX file: {error}") from error
    if facts.external:
        raise RefusedModel(path, f"it keeps weights in another file ({facts.external[0]}); save it as one")
    if foreign := sorted(facts.operators - ALLOWED):
        raise RefusedModel(path, f"it uses operators that are not allowed: {', '.join(foreign[:6])}")
    if len(facts.inputs) != 1 or len(facts.outputs) != 1:
        raise RefusedModel(
            path, f"it has {len(facts.inputs)} inputs and {len(facts.outputs)} outputs; one each will do"
        )
    return facts


def _entry(facts: OnnxFacts, card: Mapping[str, Any]) -> GraphEntry:
    """What is known of the graph before it is tried."""
    bands = len(card["mlm:input"][0]["bands"])
    classes = len(card["mlm:output"][0]["classification:classes"])
    layout = _layout(facts.inputs[0], bands, (card["mlm:input"][0].get("input") or {}).get("dim_order"))
    answer = _layout(facts.outputs[0], classes, (card["mlm:output"][0].get("result") or {}).get("dim_order"), layout)
    if answer != layout:
        raise ValueError(f"input is {layout}, output {answer}; both must be of one kind")
    rows, cols = facts.inputs[0].shape[2:] if layout == "NCHW" else facts.inputs[0].shape[1:3]
    if (rows is None) != (cols is None):
        raise ValueError(f"one side of its input is fixed ({rows or cols} px) and the other free")
    tile = None if rows is None or cols is None else (rows, cols)
    return GraphEntry(ONNX, "", layout=layout, tile=tile)


def _layout(port: OnnxPort, channels: int, order: list[str] | None, like: Layout | None = None) -> Layout:
    """Where the channels are: by the card, else by the shape, else as in `like`."""
    if order is not None:
        told = "".join(AXES.get(str(a).lower(), "?") for a in order)
        if told in ("NCHW", "NHWC"):
            return cast(Layout, told)
        raise ValueError(f"dim_order {order} is neither batch, bands, height, width nor batch, height, width, bands")
    if port.shape and len(port.shape) != 4:
        raise ValueError(f"{port.name} has {len(port.shape)} axes; four are wanted: batch, rows, columns and channels")
    first, last = (port.shape[1], port.shape[3]) if port.shape else (None, None)
    if first == channels and last != channels:
        return "NCHW"
    if last == channels and first != channels:
        return "NHWC"
    if (known := [str(n) for n in (first, last) if n is not None]) and str(channels) not in known:
        raise ValueError(f"{port.name} has {' or '.join(known)} channels, the card names {channels}")
    if like is not None:
        return like
    raise ValueError(
        f"it cannot be seen which axis of {port.name} holds the {channels} bands; say dim_order in the card"
    )


def _stride(card: Mapping[str, Any], entry: GraphEntry) -> int:
    """By the card, else the usual one as far as it divides a fixed tile."""
    stride = card["geoglm:tiling"].get("stride")
    sides = entry.tile or (STRIDE, STRIDE)
    if stride is None:
        return int(np.gcd.reduce([STRIDE, *sides]))
    if any(n % stride for n in sides) and entry.tile:
        raise ValueError(f"tiles of {sides[0]} x {sides[1]} px are no multiple of the stride {stride}")
    return int(stride)


def _given(card: Mapping[str, Any], part: str, key: str) -> Any:
    return card[part][0].get(key)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A tile of noise, and what the network made of it, both channels first."""

    tile: NDArray[np.float32]
    answer: NDArray[np.float32]


def _tried(path: Path, entry: GraphEntry, card: ModelCard) -> Answers:
    """Run the network on noise, look whether it fits its card, and see what it answers."""
    trial = _run(path, entry, card)
    wanted = (1, len(card.classes), *trial.tile.shape[2:])
    if trial.answer.shape != wanted:
        raise RefusedModel(path, f"it answers {_by(trial.answer)} to a tile of {_by(trial.tile)}, not {_shown(wanted)}")
    if not np.isfinite(trial.answer).all():
        raise RefusedModel(path, "its answer to a tile of noise is not finite")
    positive = trial.answer.min() >= 0 and trial.answer.max() <= 1
    return "probabilities" if positive and np.allclose(trial.answer.sum(1), 1, atol=1e-3) else "logits"


def _run(path: Path, entry: GraphEntry, card: ModelCard) -> _Trial:
    import openvino as ov

    side = card.stride * max(2, -(-64 // card.stride))
    shape = (1, len(card.bands), *(entry.tile or (side, side)))
    tile = np.random.default_rng(0).random(shape, np.float32)
    lying = entry.layout == "NHWC"
    given = np.ascontiguousarray(tile.transpose(0, 2, 3, 1)) if lying else tile
    core = ov.Core()
    try:
        model = antialiased(core.read_model(path))
        model.reshape(list(given.shape))
        answer = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(given)[0]
    except (RuntimeError, ValueError) as error:
        why = next(line for line in reversed(str(error).strip().splitlines()) if line.strip())
        raise RefusedModel(path, f"OpenVINO does not run it on a tile of {_by(tile)}: {why[:200]}") from error
    if answer.ndim == 4 and lying:
        answer = answer.transpose(0, 3, 1, 2)
    return _Trial(tile, answer.astype(np.float32))


def _by(array: NDArray[np.float32]) -> str:
    return _shown(array.shape)


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
