import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglm.errors import PlanError
from geoglm.options import PatchRule
from geoglm.tiling.grid import TileGrid
from geoglm.tiling.patch import TileCost, choose_patch, stepwise_side
from tests.strategies import lengths

COST = TileCost(bytes_per_px=400, shard_bytes_per_px=10)


@pytest.mark.parametrize(
    ("edge", "side"), [(5000, 512), (1025, 512), (1024, 384), (513, 384), (512, 512), (300, 300), (1, 1)]
)
def test_the_stepwise_rule_is_the_missions(edge: int, side: int) -> None:
    assert stepwise_side((edge, 1)) == stepwise_side((1, edge)) == side


@given(st.one_of(lengths, st.integers(1000, 12_000)), lengths, st.sampled_from([0, 32, 128, 512]))
def test_the_planner_keeps_to_the_memory_and_costs_no_more_than_the_stepwise_rule(
    height: int, width: int, halo: int
) -> None:
    room = 1_700_000_000
    choices = [
        choose_patch(PatchRule.parse(rule), (height, width), halo=halo, stride=32, cost=COST, room=room)
        for rule in ("auto", "stepwise")
    ]
    planned, stepwise = (TileGrid.over((height, width), patch=(c.rows, c.cols), halo=halo, stride=32) for c in choices)
    rows, cols = planned.patch
    assert COST.bytes(rows, cols, halo=halo) <= room
    assert COST.seconds(planned) <= COST.seconds(stepwise) * 1.0001


def test_too_little_memory_is_said_with_the_way_out() -> None:
    with pytest.raises(PlanError, match="too little"):
        choose_patch(PatchRule("auto"), (5000, 5000), halo=128, stride=32, cost=COST, room=1_000_000)


def test_cores_share_a_large_tile_so_that_its_memory_is_there_once() -> None:
    small, large = (COST.bytes_with(side, side, shard_px=0, workers=2) for side in (2000, 2048))
    assert small == 2 * 2000**2 * 400
    assert large == 2048**2 * 400


def test_a_worker_more_never_takes_less() -> None:
    for side in (512, 2048):
        taken = [COST.bytes(side, side, workers=w) for w in range(1, 20)]
        assert taken == sorted(taken)
