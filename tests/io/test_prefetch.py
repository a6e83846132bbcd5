"""What is cached or read ahead is what the source gives; each block of it once, within the room there is."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglm.errors import SceneUnreachable
from geoglm.io.cache import BlockCache, Pixels
from geoglm.io.memory import ArrayScene
from geoglm.io.prefetch import ReadAhead
from geoglm.types import PixelBox

SIDES = (1300, 1700)
PIXELS = np.random.default_rng(0).integers(0, 255, (2, *SIDES), dtype=np.uint8)
MASK = np.random.default_rng(1).random(SIDES) > 0.5
BLOCK = 512 * 512 * 3


class Counting(ArrayScene):
    """Notes what is read of it; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__(PIXELS, mask=MASK)
        self.boxes: list[PixelBox] = []
        self.failures = failures
        self._noting = threading.Lock()

    def read(self, box: PixelBox, bands: Sequence[int]) -> Pixels:
        with self._noting:
            self.boxes.append(box)
            if self.failures:
                self.failures -= 1
                raise SceneUnreachable("it", "gone")
        return super().read(box, bands)


boxes = st.tuples(st.integers(0, 1200), st.integers(0, 1600), st.integers(1, 700), st.integers(1, 700)).map(
    lambda b: PixelBox(b[0], b[1], min(b[0] + b[2], SIDES[0]), min(b[1] + b[3], SIDES[1]))
)


def same(a: Pixels, b: Pixels) -> bool:
    return bool((a[0] == b[0]).all() and (a[1] == b[1]).all())


@settings(max_examples=30)
@given(wanted=st.lists(boxes, min_size=1, max_size=12), room=st.sampled_from([0, BLOCK, 3 * BLOCK, 100 * BLOCK]))
def test_the_cache_gives_what_the_source_gives_and_keeps_to_its_room(wanted: list[PixelBox], room: int) -> None:
    source, plain = Counting(), ArrayScene(PIXELS, mask=MASK)
    cache = BlockCache(source, room=room)
    with ThreadPoolExecutor(4) as pool:
        for box, found in zip(wanted, pool.map(lambda b: cache.read(b, [1, 0]), wanted), strict=True):
            assert same(found, plain.read(box, [1, 0]))
    assert cache.held <= room
    if room == 100 * BLOCK:
        seen = np.zeros(SIDES, np.uint8)
        for box in source.boxes:
            seen[box.within(source.meta.box)] += 1
        assert seen.max() == 1


def test_missing_blocks_beside_each_other_are_read_in_one_go() -> None:
    source = Counting()
    cache = BlockCache(source, room=100 * BLOCK)
    cache.read(PixelBox(600, 600, 700, 700), [0])
    cache.read(PixelBox(0, 0, 1300, 1700), [0])
    assert source.boxes[0] == PixelBox(512, 512, 1024, 1024)
    assert len(source.boxes) == 5  # above, left, right, below the block that was there


@settings(max_examples=20)
@given(wanted=st.lists(boxes, min_size=1, max_size=20), room=st.integers(0, 40), consumers=st.integers(1, 3))
def test_reading_ahead_changes_no_pixel(wanted: list[PixelBox], room: int, consumers: int) -> None:
    plain = ArrayScene(PIXELS, mask=MASK)
    with (
        ReadAhead(Counting(), wanted, [0], room=room * 512 * 512 * 2) as source,
        ThreadPoolExecutor(consumers) as pool,
    ):
        for box, found in zip(wanted, pool.map(lambda b: source.read(b, [0]), wanted), strict=True):
            assert same(found, plain.read(box, [0]))


STRIPS = [PixelBox(0, 128 * k, 512, 128 * (k + 1)) for k in range(13)]


def test_what_comes_next_is_read_while_the_first_is_at_work_but_not_more_than_there_is_room_for() -> None:
    started, go_on = threading.Event(), threading.Event()

    class Slow(Counting):
        def read(self, box: PixelBox, bands: Sequence[int]) -> Pixels:
            if box.left >= 512:
                started.set()
                assert go_on.wait(10)
            return super().read(box, bands)

    room = 2 * 6 * 512 * 128 * 2  # six strips
    source = Slow()
    with ReadAhead(source, STRIPS, [0], room=room) as ahead:
        ahead.read(STRIPS[0], [0])
        assert started.wait(10)  # by nobody who asked for it
        go_on.set()
        ahead.read(STRIPS[5], [0])
        assert max(b.right for b in source.boxes) <= 1536
        for strip in STRIPS:
            ahead.read(strip, [0])


def test_an_error_reaches_who_asked_and_the_next_try_may_succeed() -> None:
    source = Counting(failures=1)
    cache = BlockCache(source, room=BLOCK)
    with pytest.raises(SceneUnreachable):
        cache.read(STRIPS[0], [0])
    assert cache.read(STRIPS[0], [0])[0].shape == (1, 512, 128)
    with ReadAhead(Counting(failures=10**6), STRIPS, [0], room=100 * BLOCK) as ahead, pytest.raises(SceneUnreachable):
        ahead.read(STRIPS[0], [0])


@given(top=st.integers(0, 1200), left=st.integers(0, 1600), height=st.integers(1, 1300), width=st.integers(1, 1700))
@settings(max_examples=30, deadline=None)
def test_strips_are_the_box_and_share_no_block(top: int, left: int, height: int, width: int) -> None:
    box = PixelBox(top, left, top + height, left + width).clip(PixelBox(0, 0, *SIDES))
    strips = BlockCache(ArrayScene(PIXELS), room=BLOCK).strips(box)
    assert [s.top for s in strips] == [box.top, *(s.bottom for s in strips[:-1])]
    assert strips[-1].bottom == box.bottom
    assert all((s.left, s.right) == (box.left, box.right) for s in strips)
    rows = [set(range(s.top // 512, -(-s.bottom // 512))) for s in strips]
    assert sum(map(len, rows)) == len(set().union(*rows))
