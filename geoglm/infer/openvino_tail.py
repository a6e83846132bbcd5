"""The last steps of a network taken off its graph: bringing logits up to single pixels, which `Decoder` does faster,
and the classifying layer, before which lies what the network sees."""

from __future__ import annotations

import openvino as ov

from geoglm.errors import ModelError

AREAS = ("half_pixel", "pytorch_half_pixel")
"""Names of the sample grid that is fixed to pixel areas, torch's ``align_corners=False``."""


def without_widening(model: ov.Model) -> tuple[ov.Model, int]:
    """`model` without a bilinear upsampling by a whole factor behind its logits, and that factor, 1 if there is none.

    Args:
        model: with fixed shapes and one output, logits ``(n, class, y, x)``.
    """
    result = model.get_results()[0]
    node = result.input_value(0).get_node()
    if node.get_type_name() != "Interpolate":
        return model, 1
    how = node.get_attributes()
    plain = how["mode"] in ("linear", "linear_onnx") and how["coordinate_transformation_mode"] in AREAS
    small, large = node.get_input_shape(0), node.get_output_shape(0)
    factor = large[-1] // small[-1]
    if not plain or how["antialias"] or list(large) != [*small[:2], small[2] * factor, small[3] * factor]:
        return model, 1
    result.input(0).replace_source_output(node.input_value(0))
    return ov.Model([result], model.get_parameters(), "logits"), factor


SCALED = ("Add", "Divide", "Multiply", "Subtract")
ALONG = (
    *SCALED,
    "Clamp",
    "Convert",
    "Interpolate",
    "Log",
    "LogSoftmax",
    "Maximum",
    "Minimum",
    "Pad",
    "Sigmoid",
    "Slice",
    "Softmax",
    "StridedSlice",
    "Transpose",
)
"""What may follow a classifying layer: nothing that brings pixels or layers together."""


def headless(model: ov.Model) -> ov.Model:
    """`model` up to its classifying layer, the last convolution: what that is given, ``(n, feature, y, x)``.

    Args:
        model: with fixed shapes and one output, logits or probabilities.

    Raises:
        ModelError: it has no single such layer.
    """
    node = model.get_results()[0].input_value(0).get_node()
    while node.get_type_name() in ALONG:
        inputs = [v.get_node() for v in node.input_values()]
        if node.get_type_name() in SCALED:
            inputs = [i for i in inputs if not _constant(i)]
            if len(inputs) != 1:
                break
        node = inputs[0]
    if node.get_type_name() != "Convolution":
        raise ModelError(
            f"the model's graph ends in {node.get_type_name()}, not in a convolution that classifies, so what it sees "
            "cannot be compared; use --method classes"
        )
    given = node.input_value(0)
    if given.get_node().get_type_name() == "Pad":
        given = given.get_node().input_value(0)
    return ov.Model([given], model.get_parameters(), "features")


def _constant(node: ov.Node) -> bool:
    """Whether what a node gives is the same for every tile."""
    if node.get_type_name() in ("Constant", "ShapeOf", "Parameter"):
        return bool(node.get_type_name() != "Parameter")
    return all(_constant(v.get_node()) for v in node.input_values())
