"""The last step of a network, bringing logits up to single pixels, taken off its graph: `Decoder` does it faster."""

from __future__ import annotations

import openvino as ov

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
