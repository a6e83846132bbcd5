"""From raw pixels to logits in one OpenVINO graph, around a network that comes as a file and without torch.

The twin of `geoglm.infer.scoring.LogitsGraph`; the tests hold the two against each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from geoglm.pixels.scale import Scaling
from geoglm.registry.antialias import antialiased
from geoglm.registry.graph import GraphEntry

TO_NHWC, TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
LEAST_PROBABILITY = 1e-12
"""Probabilities are raised to this before their logarithm is taken."""


def logits_model(path: Path, entry: GraphEntry, scaling: Scaling, full_scale: float, *, reduce: int = 1) -> ov.Model:
    """The network in the file at `path` behind its scaling: raw pixels in, logits ``(n, class, y, x)`` out.

    It takes tiles of any size; where the network takes one size only, of any up to that.

    Args:
        path: ONNX or OpenVINO IR; scaled pixels in, one answer for each class and pixel out.
        entry: what is known of it.
        scaling, full_scale: from raw pixels to its input.
        reduce: see `geoglm.infer.scoring.LogitsGraph`.
    """
    network = antialiased(ov.Core().read_model(path))
    raw = ops.parameter([-1, len(scaling.mean), -1, -1], np.float32, name="raw")
    scaled = _scaled(raw, scaling, full_scale)
    if reduce > 1:
        side = [reduce, reduce]
        scaled = ops.avg_pool(scaled, side, [0, 0], [0, 0], side, True)
    size = ops.gather(ops.shape_of(scaled), np.array([2, 3]), np.array(0))
    if entry.tile is not None:
        beyond = ops.concat([np.array([0, 0]), ops.subtract(np.array(entry.tile), size)], 0)
        scaled = ops.pad(scaled, np.zeros(4, np.int64), beyond, "edge")
    if entry.layout == "NHWC":
        scaled = ops.transpose(scaled, np.array(TO_NHWC))
    network.inputs[0].replace(scaled.output(0))
    logits = network.get_results()[0].input_value(0)
    if entry.layout == "NHWC":
        logits = ops.transpose(logits, np.array(TO_NCHW)).output(0)
    if entry.tile is not None:
        logits = ops.slice(logits, np.array([0, 0]), size, np.array([1, 1]), np.array([2, 3])).output(0)
    if entry.answers == "probabilities":
        logits = ops.log(ops.maximum(logits, np.float32(LEAST_PROBABILITY))).output(0)
    if reduce > 1:
        larger = np.full(2, reduce, np.float32)
        logits = ops.interpolate(logits, larger, "linear_onnx", "scales", axes=np.array([2, 3])).output(0)
    return ov.Model([logits], [raw], "logits")


def _scaled(raw: Any, scaling: Scaling, full_scale: float) -> Any:
    """See `Scaling.applied`."""
    slope, offset = (v[None, :, None, None] for v in scaling.slope_and_offset(full_scale))
    linear = ops.add(ops.multiply(raw, slope), offset)
    if scaling.gain is None and not scaling.stretch:
        return linear
    mean, std = (np.asarray(v, np.float32)[None, :, None, None] for v in (scaling.mean, scaling.std))
    if scaling.gain is None:
        return ops.divide(ops.subtract(ops.clamp(linear, 0.0, 1.0), mean), std)
    return ops.sigmoid(ops.divide(ops.subtract(ops.log(ops.maximum(linear, np.float32(1))), mean), std))
