"""Memory that runs out: smaller batches, and errors that are told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoglm.infer.memory import Shrinking, is_out_of_memory
from geoglm.infer.runtime import in_full_batches


class Small:
    """A runtime with room for so many tiles at a time."""

    name = "small"

    def __init__(self, batch: int, room: int, error: type[Exception]) -> None:
        self.batch, self.room, self.error, self.seen = batch, room, error, []  # type: ignore[var-annotated]

    def infer(
        self, tiles: NDArray[np.generic], places: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.generic], ...]:
        return in_full_batches(self.batch, self.run, tiles, places)

    def run(self, tiles: NDArray[np.generic], *places: NDArray[np.float32]) -> tuple[NDArray[np.generic], ...]:
        if len(tiles) > self.room:
            raise self.error("CUDA out of memory. Tried to allocate 3.00 GiB")
        self.seen.append(len(tiles))
        assert not places or len(places[0]) == len(tiles)
        return tiles[:, 0] * 2, tiles[:, 0] * 3  # type: ignore[operator]


@given(
    count=st.integers(1, 9),
    batch=st.integers(1, 16),
    room=st.integers(1, 16),
    error=st.sampled_from([RuntimeError, MemoryError]),
    placed=st.booleans(),
)
def test_a_batch_shrinks_until_it_fits_and_the_answers_stay(
    count: int, batch: int, room: int, error: type[Exception], placed: bool
) -> None:
    tiles = np.arange(count * 8).reshape(count, 2, 2, 2)
    runtime = Small(batch, room, error)
    places = np.zeros((count, 5), np.float32) if placed else None
    answer = Shrinking(runtime).infer(tiles[: min(count, batch)], None if places is None else places[:batch])
    assert (answer[0] == tiles[:batch, 0] * 2).all()
    assert (answer[1] == tiles[:batch, 0] * 3).all()
    assert all(n <= room for n in runtime.seen)
    assert runtime.batch == batch or runtime.batch > room / 2 - 1


def test_a_tile_for_which_there_is_no_memory_and_other_errors_are_told() -> None:
    one = np.zeros((1, 1, 2, 2), np.uint8)
    with pytest.raises(MemoryError):
        Shrinking(Small(1, 0, MemoryError)).infer(one)
    with pytest.raises(ValueError, match="CUDA"):
        Shrinking(Small(4, 0, ValueError)).infer(one)


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("Exception from src/inference: std::bad_alloc"), True),
        (RuntimeError("shapes do not match"), False),
        (OSError("out of memory"), False),
    ],
)
def test_a_lack_of_memory_is_known_by_its_words(error: Exception, is_it: bool) -> None:
    assert is_out_of_memory(error) == is_it
