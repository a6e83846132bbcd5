"""``geoglm models import``: an ONNX file and a card become a package."""

from __future__ import annotations

import json
from pathlib import Path

from geoglm.errors import RefusedModel
from geoglm.registry.activations import activation_bytes_px
from geoglm.registry.catalog import own_folder, shipped
from geoglm.registry.importing import import_onnx
from geoglm.registry.package import ModelPackage


def import_model(path: Path, card: Path, output: Path | None = None) -> ModelPackage:
    """Take the ONNX model at `path` in as a package.

    Args:
        card: JSON file with its card, see `geoglm.registry.importing.import_onnx`.
        output: folder of the package; None for one of the card's name among the user's own models.

    Raises:
        RefusedModel: file and card do not do.
    """
    try:
        told = json.loads(card.read_text(encoding="utf-8"))
    except OSError as error:
        raise RefusedModel(path, f"the card {card} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RefusedModel(path, f"the card {card} is no JSON ({error})") from error
    if not isinstance(told, dict):
        raise RefusedModel(path, f"the card {card} is no JSON object; `geoglm models show NAME` prints one")
    name = str(told.get("properties", told).get("mlm:name", ""))
    if output is None and (not name or name in shipped()):
        taken = f"mlm:name {name!r} is that of a shipped model" if name else "the card lacks mlm:name"
        raise RefusedModel(path, f"{taken}; give it one of its own")
    return import_onnx(path, told, output or own_folder() / name, weigh=activation_bytes_px)
