"""The inference graph of a package: its network as a file that runs without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ONNX, OPENVINO, OPENVINO_WEIGHTS = "model.onnx", "model.xml", "model.bin"
Layout = Literal["NCHW", "NHWC"]
Answers = Literal["logits", "probabilities"]


@dataclass(frozen=True, slots=True)
class GraphEntry:
    """What a card says of the package's graph, which takes scaled pixels.

    Args:
        file: its name, ``model.onnx`` or ``model.xml`` (with ``model.bin`` beside it).
        sha256: of the file, or of the two one after the other.
        weights_sha256: of the ``model.safetensors`` it was made from; None where the graph is all there is.
        layout: order of the axes of input and output.
        answers: what comes out.
        tile: rows and columns of its input where they are fixed.
        bytes_px: working memory in float32 for a pixel of a tile; None if unknown.
    """

    file: str
    sha256: str
    weights_sha256: str | None = None
    layout: Layout = "NCHW"
    answers: Answers = "logits"
    tile: tuple[int, int] | None = None
    bytes_px: float | None = None

    def __post_init__(self) -> None:
        if self.file not in (ONNX, OPENVINO):
            raise ValueError(f"geoglm:graph names {self.file!r}; it is {ONNX} or {OPENVINO}")
        if self.layout not in ("NCHW", "NHWC"):
            raise ValueError(f"layout {self.layout!r} of geoglm:graph is neither NCHW nor NHWC")
        if self.answers not in ("logits", "probabilities"):
            raise ValueError(f"geoglm:graph answers {self.answers!r}, neither logits nor probabilities")

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> GraphEntry:
        """From ``geoglm:graph`` of a card."""
        tile, made_from = data.get("tile"), data.get("weights_sha256")
        return cls(
            file=str(data["file"]),
            sha256=str(data["sha256"]),
            weights_sha256=None if made_from is None else str(made_from),
            layout=data.get("layout", "NCHW"),
            answers=data.get("answers", "logits"),
            tile=None if tile is None else (int(tile[0]), int(tile[1])),
            bytes_px=None if data.get("bytes_px") is None else float(data["bytes_px"]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the card."""
        facts = {
            "file": self.file,
            "sha256": self.sha256,
            "weights_sha256": self.weights_sha256,
            "layout": self.layout,
            "answers": self.answers,
            "tile": None if self.tile is None else list(self.tile),
            "bytes_px": self.bytes_px,
        }
        return {k: v for k, v in facts.items() if v is not None}


def graph_files(folder: Path, file: str) -> tuple[Path, ...]:
    """The files that hold a graph called `file`."""
    return (folder / file,) if file == ONNX else (folder / OPENVINO, folder / OPENVINO_WEIGHTS)


def graph_sha256(folder: Path, file: str) -> str:
    """Hash of the files that hold a graph called `file`."""
    digest = hashlib.sha256()
    for path in graph_files(folder, file):
        digest.update(path.read_bytes())
    return digest.hexdigest()
