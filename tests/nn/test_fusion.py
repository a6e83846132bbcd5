"""Laws that every fusion strategy keeps, and one that each alone keeps."""

import pytest
import torch

from geoglm.nn.fusion import STRATEGIES, Fusion, build_fusion
from tests.nn.networks import stirred

LEVELS, WIDTH = 3, 8


def levels(count: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.randn(count, WIDTH, 12, 10) for _ in range(LEVELS)]


def fusion(name: str) -> Fusion:
    torch.manual_seed(0)
    return build_fusion(name, levels=LEVELS, width=WIDTH)


@pytest.fixture(params=STRATEGIES)
def strategy(request: pytest.FixtureRequest) -> Fusion:
    return fusion(request.param)


def test_levels_become_one_map_and_every_weight_learns(strategy: Fusion) -> None:
    maps = [level.requires_grad_() for level in levels()]
    summary = strategy.summarise(maps)
    assert summary.shape == (2, strategy.summary_size)
    fused = strategy(maps, summary)
    assert fused.shape == (2, WIDTH, 12, 10)
    fused.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in strategy.parameters())
    assert all(m.grad is not None and m.grad.any() for m in maps)


def test_one_tile_does_not_know_of_another_in_its_batch(strategy: Fusion) -> None:
    stirred(strategy)
    maps, summary = levels(), torch.randn(2, strategy.summary_size)
    fused = strategy(maps, summary)
    turned = strategy([m.flip(0) for m in maps], summary.flip(0))
    assert torch.allclose(fused.flip(0), turned, atol=1e-6)


def test_what_needs_the_scene_says_so(strategy: Fusion) -> None:
    if strategy.summary_size == 0:
        strategy(levels())
        return
    for missing in (None, torch.zeros(2, strategy.summary_size + 1)):
        with pytest.raises(ValueError, match=f"needs {strategy.summary_size} numbers .* call summarise"):
            strategy(levels(), missing)


def test_a_summary_does_not_care_where_in_the_glance_things_lie(strategy: Fusion) -> None:
    maps = levels()
    turned = [m.flip(2, 3) for m in maps]
    assert torch.allclose(strategy.summarise(maps), strategy.summarise(turned), atol=1e-5)


def test_untrained_weights_are_the_mean_of_the_levels_in_any_order() -> None:
    weighted = stirred(fusion("weighted"))
    maps = levels()
    assert torch.allclose(weighted(maps), weighted(maps[::-1]), atol=1e-6)
    assert torch.allclose(weighted(maps), weighted.mix(torch.stack(maps).mean(dim=0)), atol=1e-6)


def test_untrained_deformable_fusion_is_concatenation() -> None:
    deform, concat = fusion("deform").eval(), fusion("concat").eval()
    concat.mix.load_state_dict(deform.mix.state_dict())
    assert torch.allclose(deform(levels()), concat(levels()), atol=1e-6)


def test_the_scene_changes_what_squeeze_and_cbam_see_in_a_tile() -> None:
    for name in ("squeeze", "cbam"):
        strategy = stirred(fusion(name))
        summary = torch.randn(2, strategy.summary_size)
        assert not torch.allclose(strategy(levels(), summary), strategy(levels(), 5 * summary), atol=1e-3)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="there are concat, weighted, squeeze, cbam, gate, deform"):
        build_fusion("mean", levels=3, width=8)
