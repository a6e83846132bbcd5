"""An antialiased halving is computed as torch computes it; anything else is left alone or refused."""

import numpy as np
import openvino as ov
import pytest
import torch
from torch.nn import functional as F

from geoglm.registry.antialias import antialiased
from tests.halving import halving


def test_an_antialiased_halving_is_computed_as_such() -> None:
    image = np.random.default_rng(0).random((1, 20, 28, 3), dtype=np.float32)
    model = antialiased(halving(True))
    model.reshape([1, -1, -1, 3])
    found = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image)[0]
    upright = torch.from_numpy(image).movedim(-1, 1)
    right = F.interpolate(upright, scale_factor=0.5, mode="bilinear", antialias=True).movedim(1, -1).numpy()
    assert found[:, 1:-1, 1:-1] == pytest.approx(right[:, 1:-1, 1:-1], abs=1e-5)


def test_other_resizes_are_left_alone_or_refused() -> None:
    kinds = {n.get_type_name() for n in antialiased(halving(False)).get_ordered_ops()}
    assert "Interpolate" in kinds
    with pytest.raises(ValueError, match="only halves"):
        antialiased(halving(True, factor=4))
