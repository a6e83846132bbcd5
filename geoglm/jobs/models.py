"""``geoglm models import`` and ``convert``: an ONNX file, or weights in a pickle, and a card become a package."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from geoglm.errors import BadPackage, GeoglmError, OutputError, RefusedModel
from geoglm.io.guard.kinds import head_of, regular
from geoglm.registry.activations import activation_bytes_px
from geoglm.registry.card_limits import MOST_BYTES
from geoglm.registry.catalog import own_folder, shipped
from geoglm.registry.importing import import_onnx
from geoglm.registry.package import CARD, WEIGHTS, ModelPackage, write_package
from geoglm.registry.unpickle import weights_of


def import_model(path: Path, card: Path, output: Path | None = None) -> ModelPackage:
    """Take the ONNX model at `path` in as a package.

    Args:
        card: JSON file with its card, see `geoglm.registry.importing.import_onnx`.
        output: folder of the package; None for one of the card's name among the user's own models.

    Raises:
        RefusedModel: file and card do not do.
    """
    told = _card(path, card)
    return import_onnx(path, told, output or own_folder() / _own_name(path, told), weigh=activation_bytes_px)


def convert_model(weights: Path, card: Path, output: Path | None = None) -> ModelPackage:
    """Make a package of weights in a pickle (``.pt``) and a card whose ``geoglm:network`` they belong to.

    Args:
        card: JSON file with the card, as of a package.
        output: folder of the package; None for one of the card's name among the user's own models.

    Raises:
        RefusedModel: weights and card do not do.
        OutputError: there is such a folder already.
        MissingExtra: torch is not installed.
    """
    told = _card(weights, card)
    folder = output or own_folder() / _own_name(weights, told)
    if folder.exists():
        raise OutputError(f"{folder}: is there already; choose another -o, or another name in the card")
    with tempfile.TemporaryDirectory() as place:
        draft = Path(place)
        weights_of(weights, draft / WEIGHTS)
        (draft / CARD).write_text(json.dumps({k: v for k, v in told.items() if k != "geoglm:graph"}), encoding="utf-8")
        try:
            return write_package(folder, ModelPackage.open(draft).network(), told)
        except BadPackage as error:
            raise RefusedModel(weights, f"it does not fit the card {card}: {error.args[1]}") from error


def _card(path: Path, card: Path) -> dict[str, Any]:
    """The JSON object in the file `card`, of the model at `path`."""
    try:
        told = json.loads(head_of(regular(card), MOST_BYTES + 1).decode())
    except GeoglmError as error:
        raise RefusedModel(path, f"the card cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise RefusedModel(path, f"the card {card} is no JSON ({error})") from error
    if not isinstance(told, dict):
        raise RefusedModel(path, f"the card {card} is no JSON object; `geoglm models show NAME` prints one")
    return dict(told.get("properties", told))


def _own_name(path: Path, card: dict[str, Any]) -> str:
    """What a model is called by its card, which is no name of a shipped one."""
    name = str(card.get("mlm:name", ""))
    if not name or name in shipped():
        taken = f"mlm:name {name!r} is that of a shipped model" if name else "the card lacks mlm:name"
        raise RefusedModel(path, f"{taken}; give it one of its own")
    if not re.fullmatch(r"\w[\w .-]*", name):
        raise RefusedModel(path, f"mlm:name {name!r} is no name for a folder; use letters, digits, - and _")
    return name
