"""Post-training quantisation: weights and activations in 8 bits, their ranges seen on real samples.

By NNCF, which takes whole numbers where the CPU computes in them (VNNI, AMX) and leaves in floating point what does not
gain; see Krishnamoorthi 2018, arXiv 1806.08342, for the method, and https://github.com/openvinotoolkit/nncf.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import MissingExtra


def folded_graph(path: Path) -> Any:
    """The OpenVINO graph in the file at `path`, its normalisations folded into the convolutions before them."""
    import openvino as ov
    from openvino._offline_transformations import apply_moc_transformations

    model = ov.Core().read_model(path)
    apply_moc_transformations(model, cf=True)
    return model


def quantised(model: Any, samples: Sequence[NDArray[np.float32]]) -> Any:
    """An OpenVINO graph in 8 bits.

    Args:
        model: with one input, see `folded_graph`.
        samples: its inputs, as many as there are; ranges are taken from all of them.

    Raises:
        MissingExtra: NNCF is not installed.
    """
    os.environ.setdefault("NNCF_CI", "1")  # else usage statistics are sent to its makers
    try:
        import nncf
    except ModuleNotFoundError as error:
        raise MissingExtra.of(error) from error
    nncf.set_log_level(logging.ERROR)
    with redirect_stdout(sys.stderr):  # where its bars of progress belong
        return nncf.quantize(
            model,
            nncf.Dataset(list(samples)),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(samples),
        )


def same_class(first: Any, second: Any, samples: Sequence[NDArray[np.float32]], *, axis: int) -> float:
    """The share of pixels to which two graphs give the same class.

    Args:
        samples: inputs of both.
        axis: of the classes in their answers.
    """
    import openvino as ov

    core = ov.Core()
    exact = core.compile_model(first, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    other = core.compile_model(second, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    same = [np.mean(exact(s)[0].argmax(axis) == other(s)[0].argmax(axis)) for s in samples]
    return float(np.mean(same))
