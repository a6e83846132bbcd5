"""A model package: a folder with ``model.json``, the card, and ``model.safetensors``, the weights.

Beside them may lie the network's inference graph, which runs without torch, or that in place of weights.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoglm.errors import BadPackage, MissingExtra, OutputError
from geoglm.registry.card import ModelCard
from geoglm.registry.card_limits import MOST_BYTES, check_card
from geoglm.registry.graph import ONNX, OPENVINO, GraphEntry, graph_files, graph_sha256
from geoglm.registry.onnx_file import OnnxFacts
from geoglm.registry.operators import ALLOWED
from geoglm.registry.tensors import tensor_shapes

if TYPE_CHECKING:
    from torch import nn

CARD, WEIGHTS = "model.json", "model.safetensors"
PICKLES = (".pt", ".pth", ".ckpt", ".pkl", ".bin")
"""How files end that are pickles, most of them."""


@dataclass(frozen=True)
class ModelPackage:
    """A card and, loaded when wanted, the network with its weights.

    Args:
        shipped: it came with geoglm, so its weights must be those that its card was written for.
    """

    folder: Path
    card: ModelCard
    shipped: bool = False

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        from geoglm.io.report.page import snippet
        from geoglm.io.report.parts import Facts, Legend, Part
        from geoglm.registry.card_parts import card_facts, card_scores

        legend = Legend([(c.name, c.colour) for c in self.card.classes])
        parts: list[Part] = [Facts(card_facts(self.card)), legend, *card_scores(self.card)]
        return snippet(f"{self.card.name} {self.card.version}", str(self.folder), parts)

    @classmethod
    def open(cls, folder: Path) -> ModelPackage:
        """Read the card of the package in `folder`; the weights stay on disk.

        Raises:
            BadPackage: a file is missing or the card is malformed.
        """
        if not (folder / CARD).is_file():
            raise BadPackage(folder, f"{CARD} is missing")
        if (size := (folder / CARD).stat().st_size) > MOST_BYTES:
            raise BadPackage(folder, f"{CARD} has {size / 1e6:.0f} MB; a card has {MOST_BYTES / 1e6:.0f} MB at most")
        try:
            data = json.loads((folder / CARD).read_text(encoding="utf-8"))
            check_card(data)
            card = ModelCard.parse(data)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            raise BadPackage(folder, f"{CARD} is malformed ({type(error).__name__}: {error})") from error
        needed = [folder / WEIGHTS] if card.network else []
        if card.graph is not None:
            needed += graph_files(folder, card.graph.file)
        if missing := next((f for f in needed if not f.is_file()), None):
            pickled = next((f.name for f in sorted(folder.iterdir()) if f.suffix in PICKLES), None)
            way = f"; {pickled} may run code when it is read: geoglm models convert makes safetensors of it"
            raise BadPackage(folder, f"{missing.name} is missing{way if pickled else ''}")
        return cls(folder, card)

    @cached_property
    def sha256(self) -> str:
        """Hash of the weights file; of the graph where that is all there is."""
        graph = self.card.graph
        if graph is not None and not self.card.network:
            return graph_sha256(self.folder, graph.file)
        return hashlib.sha256((self.folder / WEIGHTS).read_bytes()).hexdigest()

    @cached_property
    def key(self) -> str:
        """What the network's answers depend on: weights, architecture, graph, scaling and temperature."""
        card = self.card
        facts = [self.sha256, dict(card.network), card.scaling.mean, card.scaling.std, card.temperature]
        if card.graph is not None:
            facts += [card.graph.as_dict(), card.scaling.gain, card.scaling.percentiles]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def graph(self) -> Path | None:
        """The file of the inference graph, which takes scaled pixels; None where the package has none.

        Raises:
            BadPackage: it is not the file that the card speaks of, was made from other weights, or keeps its own
                outside the package.
        """
        graph = self.card.graph
        if graph is None:
            return None
        if graph.weights_sha256 is not None and graph.weights_sha256 != self.sha256:
            again = f"python -m geoglm.registry.graphs {self.folder}"
            raise BadPackage(self.folder, f"{graph.file} was made from other weights; {again} makes it anew")
        if graph_sha256(self.folder, graph.file) != graph.sha256:
            raise BadPackage(self.folder, f"{graph.file} is damaged or another than the card names")
        path = self.folder / graph.file
        if graph.file == ONNX:
            self._look_through(path)
        return path

    def _look_through(self, path: Path) -> None:
        """See that an ONNX file asks for nothing but arithmetic on its own numbers.

        Raises:
            BadPackage: it does.
        """
        try:
            facts = OnnxFacts.read(path)
        except ValueError as error:
            raise BadPackage(self.folder, f"{ONNX}: {error}") from error
        if facts.external:
            raise BadPackage(self.folder, f"{ONNX} keeps weights in a file outside ({facts.external[0]})")
        if foreign := sorted(facts.operators - ALLOWED):
            raise BadPackage(self.folder, f"{ONNX} uses operators that are not allowed: {', '.join(foreign[:6])}")

    def with_weights(self) -> ModelPackage:
        """The package itself, known to have weights.

        Raises:
            BadPackage: it is a graph alone.
        """
        if not self.card.network:
            raise BadPackage(
                self.folder, "it holds a graph and no weights for torch: it runs on --device cpu, and cannot be taught"
            )
        return self

    def network(self) -> nn.Module:
        """The network in float32, ready for inference.

        Raises:
            BadPackage: the weights are damaged or do not fit the architecture of the card, or there are none.
            MissingExtra: torch is not installed.
        """
        self.with_weights()
        graph = self.card.graph
        if self.shipped and graph is not None and graph.weights_sha256 != self.sha256:
            raise BadPackage(self.folder, f"{WEIGHTS} is damaged or another than the card names")
        try:
            from safetensors import SafetensorError
            from safetensors.torch import load_file

            from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
        except ModuleNotFoundError as error:
            raise MissingExtra.of(error) from error
        try:
            shapes = tensor_shapes(self.folder / WEIGHTS)
            network = build_segmenter(SegmenterSpec(**self.card.network))
            _check_shapes(shapes, {name: tuple(value.shape) for name, value in network.state_dict().items()})
            network.load_state_dict(load_file(self.folder / WEIGHTS))
            if network.summary_size != self.card.summary_size:
                raise ValueError(
                    f"the network keeps {network.summary_size} numbers of a scene, geoglm:summary_size says "
                    f"{self.card.summary_size}"
                )
        except (SafetensorError, RuntimeError, TypeError, KeyError, ValueError) as error:
            raise BadPackage(self.folder, f"weights and card do not fit: {str(error)[:200]}") from error
        return network.float().eval()


def _check_shapes(found: dict[str, tuple[int, ...]], wanted: dict[str, tuple[int, ...]]) -> None:
    """That a file holds the tensors of a network, all of them and no others.

    Raises:
        ValueError: it does not.
    """
    if differing := sorted(set(found) ^ set(wanted)):
        which = "is not in the file" if differing[0] in wanted else "is none of the network of the card"
        raise ValueError(f"{differing[0]!r} {which} ({len(differing)} such tensors)")
    if wrong := next((n for n in wanted if found[n] != wanted[n]), None):
        raise ValueError(f"{wrong!r} is {found[wrong]} in the file and {wanted[wrong]} in the network of the card")


def write_package(folder: Path, network: nn.Module, card: dict[str, Any]) -> ModelPackage:
    """Save `network` with its `card` as a package; floating-point weights in half precision.

    What the network alone knows, how much it keeps of a glance at the scene, is added to the card. A graph of former
    weights is taken out; `geoglm.registry.graphs` makes one of these.
    """
    import torch
    from safetensors.torch import save_file

    if size := getattr(network, "summary_size", 0):
        card = card | {"geoglm:summary_size": size}
    card = {k: v for k, v in card.items() if k != "geoglm:graph"}
    ModelCard.parse(card)
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: (value.to(torch.float16) if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(state, folder / WEIGHTS)
    for old in (ONNX, *(f.name for f in graph_files(folder, OPENVINO))):  # made from other weights
        (folder / old).unlink(missing_ok=True)
    (folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return ModelPackage.open(folder)


def write_graph_package(
    folder: Path, card: dict[str, Any], entry: GraphEntry, save: Callable[[Path], object]
) -> ModelPackage:
    """Make the package of a graph without weights in the new folder `folder`, whole or not at all.

    Args:
        card: all but its ``geoglm:graph``.
        entry: of the graph; its hash is added.
        save: writes the files of the graph into the folder given.

    Raises:
        OutputError: there is such a folder already, or it cannot be made.
    """
    with new_folder(folder) as draft:
        save(draft)
        entry = replace(entry, sha256=graph_sha256(draft, entry.file))
        card = {k: v for k, v in card.items() if k != "geoglm:network"} | {"geoglm:graph": entry.as_dict()}
        (draft / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return ModelPackage.open(folder)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A draft beside `folder` that takes its name when all is written, and is gone if anything fails.

    Raises:
        OutputError: there is such a folder already, or it cannot be made.
    """
    try:
        if folder.exists():
            raise OutputError(f"{folder}: is there already; choose another -o, or another name in the card")
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            yield draft
            draft.chmod(0o755)
            draft.rename(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another -o") from error
