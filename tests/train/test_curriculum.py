"""The curriculum: stages come in order and last their share; what is mapped worst is drawn most."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.train.curriculum import GROUPS, THREE_STAGES, Scales, Stage, scales_at, stage_at


@given(
    shares=st.lists(st.floats(0.05, 5), min_size=1, max_size=5),
    steps=st.integers(1, 500),
)
def test_stages_come_in_order_and_last_their_share(shares: list[float], steps: int) -> None:
    stages = [Stage(str(k), s) for k, s in enumerate(shares)]
    order = [int(stage_at(stages, step, steps).name) for step in range(steps)]
    assert order == sorted(order)
    for k, share in enumerate(shares):
        assert abs(order.count(k) - share / sum(shares) * steps) <= 1


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_the_worse_a_resolution_is_mapped_the_more_it_is_drawn(scores: list[float]) -> None:
    odds = Scales.grouped().focused(dict(zip(GROUPS, scores, strict=True))).odds
    assert sum(odds) == pytest.approx(1)
    by_score = [o for _, o in sorted(zip(scores, odds, strict=True))]
    assert by_score == sorted(by_score, reverse=True)
    if max(scores) - min(scores) < 1e-9:
        assert odds == pytest.approx((1 / 3,) * 3)


def test_a_tenth_of_score_less_is_drawn_e_times_as_often() -> None:
    odds = Scales.grouped().focused({0.5: 0.6, 1.0: 0.7, 2.0: float("nan")}).odds
    assert odds[0] / odds[1] == pytest.approx(np.e)
    assert odds[2] == odds[1]  # no score of its own: that of the nearest


def test_only_a_focused_stage_follows_the_scores() -> None:
    fixed, random, tuning = THREE_STAGES
    scores = {0.5: 0.2, 1.0: 0.7, 2.0: 0.7}
    assert scales_at(fixed, scores) == fixed.scales
    assert scales_at(random, scores) == random.scales
    assert scales_at(tuning, {}) == tuning.scales
    focused = scales_at(tuning, scores)
    assert focused is not None
    assert focused.odds[0] > 0.9


@given(seed=st.integers(0, 1000))
def test_a_magnification_lies_in_a_range_that_has_odds(seed: int) -> None:
    scales = Scales(((0.5, 0.7), (1.0, 1.0), (3.0, 4.0)), (1.0, 2.0, 0.0))
    drawn = scales.draw(np.random.default_rng(seed))
    assert 0.5 <= drawn <= 0.7 or drawn == pytest.approx(1.0)


@pytest.mark.parametrize("ranges", [(), ((2.0, 1.0),), ((0.0, 1.0),), ((1.0, 2.0), (2.0, 3.0))])
def test_magnifications_that_cannot_be_drawn_are_refused(ranges: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="magnification"):
        Scales(ranges, (1.0,))
