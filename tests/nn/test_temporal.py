"""Series: what the order of dates may change, what the order of places may not, and tiles as ever."""

import pytest
import torch
from torch import Tensor, nn

from geoglm.nn.temporal import SeriesSegmenter, SeriesSpec
from geoglm.nn.tileable import exact_halo
from tests.nn.networks import stirred

SPEC = SeriesSpec(bands=2, classes=3, width=16, blocks=2)


@pytest.fixture
def built() -> SeriesSegmenter:
    torch.manual_seed(0)
    return stirred(SeriesSegmenter(SPEC))  # type: ignore[return-value]


@pytest.mark.parametrize("dates", [1, 2, 5])
def test_every_date_gets_a_map_and_every_weight_learns(built: SeriesSegmenter, dates: int) -> None:
    logits = built.train()(torch.randn(2, dates, 2, 16, 12))
    assert logits.shape == (2, dates, 3, 16, 12)
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in built.parameters())


@torch.no_grad()
def test_places_do_not_know_of_each_other_but_dates_do(built: SeriesSegmenter) -> None:
    series = torch.randn(3, 4, 2, 16, 16)
    logits = built(series)
    assert torch.allclose(built(series.flip(0)), logits.flip(0), atol=1e-5)
    assert not torch.allclose(built(series.flip(1)), logits.flip(1), atol=1e-3)
    later = series.clone()
    later[:, 3] += 1
    assert not torch.allclose(built(later)[:, 2], logits[:, 2], atol=1e-3)


@torch.no_grad()
def test_what_never_changes_looks_alike_on_inner_dates_and_forward_as_backward(built: SeriesSegmenter) -> None:
    still = torch.randn(1, 1, 2, 16, 16).expand(-1, 7, -1, -1, -1)
    logits = built(still)
    assert torch.allclose(logits[:, 2], logits[:, 4], atol=1e-5)


def test_it_is_exactly_tileable_in_space(built: SeriesSegmenter) -> None:
    class Flat(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            series = image.reshape(len(image), 3, 2, *image.shape[2:])
            return built(series).flatten(1, 2)

    assert exact_halo(Flat(), bands=6, stride=built.stride) == 12


def test_a_spec_survives_the_card() -> None:
    assert SeriesSpec(**SPEC.as_dict()) == SPEC
