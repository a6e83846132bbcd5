"""A model package: a folder with ``model.safetensors`` (weights) and ``model.json`` (the card)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoglm.errors import BadPackage
from geoglm.registry.card import ModelCard

if TYPE_CHECKING:
    from torch import nn

CARD, WEIGHTS = "model.json", "model.safetensors"


@dataclass(frozen=True)
class ModelPackage:
    """A card and, loaded when wanted, the network with its weights."""

    folder: Path
    card: ModelCard

    @classmethod
    def open(cls, folder: Path) -> ModelPackage:
        """Read the card of the package in `folder`; the weights stay on disk.

        Raises:
            BadPackage: a file is missing or the card is malformed.
        """
        for name in (CARD, WEIGHTS):
            if not (folder / name).is_file():
                raise BadPackage(folder, f"{name} is missing")
        try:
            card = ModelCard.parse(json.loads((folder / CARD).read_text(encoding="utf-8")))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise BadPackage(folder, f"{CARD} is malformed ({type(error).__name__}: {error})") from error
        return cls(folder, card)

    @cached_property
    def sha256(self) -> str:
        """Hash of the weights file."""
        return hashlib.sha256((self.folder / WEIGHTS).read_bytes()).hexdigest()

    @cached_property
    def key(self) -> str:
        """What the network's answers depend on: weights, architecture, scaling and temperature."""
        card = self.card
        facts = json.dumps([self.sha256, dict(card.network), card.scaling.mean, card.scaling.std, card.temperature])
        return hashlib.sha256(facts.encode()).hexdigest()

    def network(self) -> nn.Module:
        """The network in float32, ready for inference.

        Raises:
            BadPackage: the weights are damaged or do not fit the architecture of the card.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from geoglm.nn.segmenter import SegmenterSpec, build_segmenter

        try:
            network = build_segmenter(SegmenterSpec(**self.card.network))
            network.load_state_dict(load_file(self.folder / WEIGHTS))
            if network.summary_size != self.card.summary_size:
                raise ValueError(
                    f"the network keeps {network.summary_size} numbers of a scene, geoglm:summary_size says "
                    f"{self.card.summary_size}"
                )
        except (SafetensorError, RuntimeError, TypeError, KeyError, ValueError) as error:
            raise BadPackage(self.folder, f"weights and card do not fit: {str(error)[:200]}") from error
        return network.float().eval()


def write_package(folder: Path, network: nn.Module, card: dict[str, Any]) -> ModelPackage:
    """Save `network` with its `card` as a package; floating-point weights in half precision.

    What the network alone knows, how much it keeps of a glance at the scene, is added to the card.
    """
    import torch
    from safetensors.torch import save_file

    if size := getattr(network, "summary_size", 0):
        card = card | {"geoglm:summary_size": size}
    ModelCard.parse(card)
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: (value.to(torch.float16) if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(state, folder / WEIGHTS)
    (folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return ModelPackage.open(folder)
