"""The smallest change that flips a class, where geometry knows it."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geoglm.stats.explain.flip import Search, nearest_flip


@settings(max_examples=50)
@given(size=st.integers(1, 12), classes=st.integers(2, 5), seed=st.integers(0, 999))
def test_of_a_linear_model_it_is_the_way_to_the_nearest_plane(size: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, bias = rng.standard_normal((classes, size)), rng.standard_normal(classes)
    first = int(bias.argmax())
    away = [
        (bias[first] - b) / np.linalg.norm(weights[first] - w) if k != first else np.inf
        for k, (w, b) in enumerate(zip(weights, bias, strict=True))
    ]
    assume(min(away) < 5)
    flip = nearest_flip(lambda x: x @ weights.T + bias, size, Search(rivals=classes))
    assert flip is not None
    assert flip.length == pytest.approx(min(away), rel=2e-3, abs=1e-9)
    assert flip.index != first
    assert int((flip.change @ weights.T + bias).argmax()) == flip.index


@pytest.mark.parametrize("centre", [(1.0, 0.5), (0.3, -2.0), (-1.5, 1.5)])
def test_of_a_circle_it_is_the_nearest_point_of_its_rim(centre: tuple[float, float]) -> None:
    """The class flips outside a circle of radius 3 around `centre`: the way out is 3 − |centre| long."""

    def scores(x: np.ndarray) -> np.ndarray:
        inside = 9 - ((x - centre) ** 2).sum(axis=1)
        return np.column_stack([inside, np.zeros(len(x))])

    flip = nearest_flip(scores, 2)
    assert flip is not None
    assert flip.length == pytest.approx(3 - np.hypot(*centre), rel=5e-3)


def test_where_nothing_flips_it_says_so() -> None:
    assert nearest_flip(lambda x: np.column_stack([x[:, 0] * 0 + 1, x[:, 0] * 0]), 3) is None
    far = nearest_flip(lambda x: np.column_stack([x[:, 0] * 0 + 1, x[:, 0] / 100]), 1)
    assert far is None
    assert nearest_flip(lambda x: x[:, :1], 1) is None
