"""Make the inference graphs of packages: ``python -m geoglm.registry.graphs [FOLDER...]``, by default of the shipped.

A graph is the network of ``model.safetensors`` as ``model.onnx``, for tiles of any size and any number of them. The
card keeps the hashes of both files, which ties them together: a graph is not run with other weights than its own.
"""

from __future__ import annotations

import json
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geoglm.errors import BadPackage, MissingExtra
from geoglm.registry.catalog import shipped
from geoglm.registry.graph import ONNX, GraphEntry, graph_sha256
from geoglm.registry.package import CARD, ModelPackage

if TYPE_CHECKING:
    from torch import nn

OPSET = 20
"""The first in which all parts of the networks can be said."""


def add_graph(package: ModelPackage) -> ModelPackage:
    """Write the graph of `package` beside its weights and into its card.

    Raises:
        BadPackage: its network looks at the scene as a whole, and so is no graph from tile to logits alone; or it has
            no weights.
        MissingExtra: torch or its exporter is not installed.
    """
    if package.card.summary_size:
        raise BadPackage(package.folder, "its network looks at the scene as a whole; it runs through torch alone")
    draft = package.folder / f"{ONNX}.draft"
    draft.write_bytes(onnx_bytes(package))
    draft.replace(package.folder / ONNX)
    entry = GraphEntry(ONNX, graph_sha256(package.folder, ONNX), weights_sha256=package.sha256)
    card = dict(package.card.data) | {"geoglm:graph": entry.as_dict()}
    (package.folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return ModelPackage.open(package.folder)


def onnx_bytes(package: ModelPackage) -> bytes:
    """The network of `package` as an ONNX file: scaled pixels ``(n, band, y, x)`` to logits ``(n, class, y, x)``.

    Weights are kept in half precision where nothing is lost by it, as in ``model.safetensors``.

    Raises:
        BadPackage, MissingExtra: see `ModelPackage.network`.
    """
    network, card = _with_fixed_padding(package.network()), package.card
    try:
        import torch
        from onnxscript.optimizer import fold_constants
        from torch.export import Dim
    except ModuleNotFoundError as error:
        raise MissingExtra.of(error) from error
    stride = card.stride  # sides are told as its multiples: torch reasons for minutes about those of any size
    example = torch.zeros(2, len(card.bands), 4 * stride, 5 * stride)
    free = ({0: Dim("n"), 2: stride * Dim("rows"), 3: stride * Dim("cols")},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=free,
            input_names=["image"],
            output_names=["logits"],
            optimize=False,  # would fold normalisations into weights that then take twice the room
            verbose=False,
        )
    assert program is not None
    fold_constants(program.model)
    model = program.model_proto
    halve(model)
    tidy(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _with_fixed_padding(network: nn.Module) -> nn.Module:
    """The network with TensorFlow's padding, which timm works out from the size of each image, written down.

    For sides that are multiples of the network's stride, as those of all tiles are, it is the same everywhere: what
    the kernel is longer than the step, the odd pixel at the end. Worked out, it is arithmetic on symbols that takes
    torch's exporter many minutes.
    """
    from timm.layers.conv2d_same import Conv2dSame
    from torch import nn

    for parent in list(network.modules()):
        for name, conv in list(parent.named_children()):
            if isinstance(conv, Conv2dSame):
                reach = [d * (k - 1) + 1 for k, d in zip(conv.kernel_size, conv.dilation, strict=True)]
                tall, wide = (max(r - s, 0) for r, s in zip(reach, conv.stride, strict=True))
                pad = nn.ZeroPad2d((wide // 2, wide - wide // 2, tall // 2, tall - tall // 2))
                conv.forward = partial(nn.Conv2d.forward, conv)  # type: ignore[method-assign]
                setattr(parent, name, nn.Sequential(pad, conv))
    return network


def halve(model: Any) -> None:
    """Keep float32 constants of an ONNX model as float16, with a Cast behind them, where that loses nothing."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or not tensor.dims:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])


def tidy(model: Any) -> None:
    """Take out what tells of the machine an ONNX model was made on, and shapes in between."""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for port in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        if hasattr(port, "metadata_props"):
            del port.metadata_props[:]


def main(folders: list[str]) -> None:
    """Make the graphs of the packages in `folders`, or of all shipped ones."""
    packages = [ModelPackage.open(Path(f)) for f in folders] or list(shipped().values())
    for package in packages:
        made = add_graph(package)
        size = (made.folder / ONNX).stat().st_size
        print(f"{made.card.name}: {made.folder / ONNX}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
