"""Decoding, against the same said slowly in torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from geoglm.infer.decode import Decoder
from geoglm.options import Doubt
from geoglm.stitch.doubts import doubt_of


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 7), st.integers(1, 40), st.integers(1, 40)),
    factor=st.sampled_from([1, 2, 3, 4]),
    temperature=st.sampled_from([0.5, 1.0, 2.5]),
    spread=st.sampled_from([0.0, 1.0, 200.0]),
    seed=st.integers(0, 9),
)
def test_decoding_is_upsampling_softmax_and_argmax(
    shape: tuple[int, int, int, int], factor: int, temperature: float, spread: float, seed: int
) -> None:
    logits = (np.random.default_rng(seed).standard_normal(shape) * spread).astype(np.float32)
    exact = torch.from_numpy(logits).double()  # float32's thirds are off by more than what is asked of the decoder
    wide = F.interpolate(exact, scale_factor=factor, mode="bilinear", align_corners=False)
    chance = (wide / temperature).softmax(dim=1).numpy()
    classes, sure, percent = Decoder("percent", factor, temperature)(logits)
    picked = np.take_along_axis(wide.numpy(), classes[:, None].astype(np.int64), axis=1)[:, 0]
    assert (wide.numpy().max(axis=1) - picked).max() <= 1e-6 * max(spread, 1)
    assert np.abs(sure - chance.max(axis=1) * 100).max() <= 0.5001 + 1e-4 * spread
    assert np.abs(percent - chance * 100).max() <= 0.5001 + 1e-4 * spread
    (share,) = Decoder("float", factor, temperature)(logits)
    assert np.abs(share - chance).max() <= 5e-6 * max(spread, 1)
    (scores,) = Decoder("logits", factor, temperature)(logits)
    assert np.abs(scores - wide.numpy() / temperature).max() <= 3e-6 * max(spread, 1) / temperature
    again = Decoder("map", factor, temperature)(logits)
    assert len(again) == 2
    assert (again[0] == classes).all()
    assert (again[1] == sure).all()


def test_of_equal_logits_the_first_class_wins() -> None:
    classes, sure = Decoder("map", 4, 1.0)(np.full((1, 5, 8, 8), 3.0, np.float32))
    assert (classes == 0).all()
    assert (sure == 20).all()


@pytest.mark.parametrize("dtype", [np.float32])
def test_logits_need_not_be_contiguous(dtype: type) -> None:
    logits = np.random.default_rng(0).standard_normal((1, 8, 9, 3)).astype(dtype).transpose(0, 3, 1, 2)
    plain = Decoder("map", 2, 1.0)(np.ascontiguousarray(logits))
    assert (Decoder("map", 2, 1.0)(logits)[0] == plain[0]).all()


@settings(max_examples=30)
@given(
    kinds=st.integers(1, 6),
    factor=st.sampled_from([1, 2, 4]),
    temperature=st.sampled_from([0.5, 1.0, 2.5]),
    spread=st.sampled_from([0.0, 1.0, 5.0, 200.0]),
    asked=st.sampled_from([("entropy",), ("margin",), ("entropy", "margin")]),
    seed=st.integers(0, 9),
)
def test_doubts_are_those_of_the_probabilities_and_change_nothing_else(
    *, kinds: int, factor: int, temperature: float, spread: float, asked: tuple[Doubt, ...], seed: int
) -> None:
    logits = (np.random.default_rng(seed).standard_normal((2, kinds, 9, 13)) * spread).astype(np.float32)
    exact = torch.from_numpy(logits).double()  # float32's thirds are off by more than what is asked of the decoder
    wide = F.interpolate(exact, scale_factor=factor, mode="bilinear", align_corners=False)
    chance = (wide / temperature).softmax(dim=1).numpy()
    ordered = np.sort(np.concatenate([chance, np.zeros_like(chance)], axis=1), axis=1)
    truth = {
        "entropy": -np.where(chance > 0, chance * np.log(chance.clip(1e-300)), 0).sum(1) / np.log(max(kinds, 2)),
        "margin": ordered[:, -1] - ordered[:, -2],
    }
    for product in ("map", "percent", "float"):
        plain = Decoder(product, factor, temperature)(logits)
        *same, last = Decoder(product, factor, temperature, asked)(logits)[: len(plain) + 1]
        assert all(a.tobytes() == b.tobytes() for a, b in zip(plain, same, strict=True))
        assert last.shape == wide[:, 0].shape
    found = Decoder("map", factor, temperature, asked)(logits)[2:]
    for name, percent in zip(asked, found, strict=True):
        assert np.abs(percent - truth[name] * 100).max() <= 0.5001 + 1e-3 * max(spread, 1)
        slow = doubt_of(name, np.moveaxis(chance, 1, 0).astype(np.float32))
        assert np.abs(slow.astype(int) - percent).max() <= 1
