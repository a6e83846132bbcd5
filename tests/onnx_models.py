"""ONNX files that tests take in: a linear classifier per pixel, said in every way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model

from geoglm.registry.graph import Answers, Layout

CLASSES = 4
_RNG = np.random.default_rng(0)
WEIGHTS, BIAS = _RNG.normal(size=(CLASSES, 3)).astype(np.float32), _RNG.normal(size=CLASSES).astype(np.float32)


def pointwise_onnx(
    path: Path, *, layout: Layout = "NCHW", answers: Answers = "logits", tile: tuple[int, int] | None = None
) -> Path:
    """A 1×1 convolution as an ONNX file."""
    rows, cols = tile or ("rows", "cols")
    upright = layout == "NCHW"

    def shape(channels: int) -> list[int | str]:
        return ["n", channels, rows, cols] if upright else ["n", rows, cols, channels]

    nodes = [helper.make_node("Conv", ["image" if upright else "upright", "weights", "bias"], ["logits"])]
    last = "logits"
    if answers == "probabilities":
        nodes.append(helper.make_node("Softmax", ["logits"], ["shares"], axis=1))
        last = "shares"
    if not upright:
        nodes.insert(0, helper.make_node("Transpose", ["image"], ["upright"], perm=[0, 3, 1, 2]))
        nodes.append(helper.make_node("Transpose", [last], ["lying"], perm=[0, 2, 3, 1]))
        last = "lying"
    constants = [
        numpy_helper.from_array(WEIGHTS[:, :, None, None], "weights"),
        numpy_helper.from_array(BIAS, "bias"),
    ]
    ports = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape(channels))]
        for name, channels in (("image", 3), (last, CLASSES))
    ]
    graph = helper.make_graph(nodes, "pointwise", *ports, constants)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path
