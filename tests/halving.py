"""A network that halves an image, as OpenVINO reads it from a file."""

import numpy as np
import openvino as ov
from openvino import opset13


def halving(antialias: bool, factor: int = 2) -> ov.Model:
    image = opset13.parameter([1, -1, -1, 3], np.float32)
    upright = opset13.transpose(image, opset13.constant([0, 3, 1, 2]))
    shape = opset13.gather(opset13.shape_of(upright), opset13.constant([2, 3]), opset13.constant(0))
    small = opset13.interpolate(
        upright,
        opset13.divide(shape, opset13.constant(np.array([factor, factor], np.int64))),
        "linear_onnx",
        "sizes",
        coordinate_transformation_mode="half_pixel",
        antialias=antialias,
        axes=opset13.constant([2, 3]),
    )
    return ov.Model([opset13.transpose(small, opset13.constant([0, 2, 3, 1]))], [image], "halving")
