"""Running out of memory, in whosever words, and batches that shrink until they fit."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from geoglm.infer.runtime import Runtime

WORDS = ("out of memory", "bad_alloc", "can't allocate memory", "cannot allocate memory", "not enough memory")
"""What CUDA, C++ and Linux call it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory.

    >>> is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")), is_out_of_memory(ValueError())
    (True, False)
    """
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(w in str(error).lower() for w in WORDS)


class Shrinking:
    """A runtime whose batch is halved, for good, whenever there is no memory for it.

    Args:
        runtime: whose `batch` may be set.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.name = runtime, runtime.name

    @property
    def batch(self) -> int:
        """See `Runtime.batch`."""
        return self.runtime.batch

    @batch.setter
    def batch(self, most: int) -> None:
        self.runtime.batch = most

    def infer(
        self, tiles: NDArray[np.generic], places: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.generic], ...]:
        """See `Runtime.infer`; `tiles` may be more than the batch.

        Raises:
            RuntimeError, MemoryError: as the runtime does; of memory only for a single tile.
        """
        while True:
            batch = self.runtime.batch
            try:
                return self._in_batches(batch, tiles, places)
            except (RuntimeError, MemoryError) as error:
                if batch == 1 or not is_out_of_memory(error):
                    raise
            _give_back()
            self.runtime.batch = min(self.runtime.batch, batch // 2)

    def _in_batches(
        self, batch: int, tiles: NDArray[np.generic], places: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.generic], ...]:
        answers = [
            self.runtime.infer(tiles[k : k + batch], None if places is None else places[k : k + batch])
            for k in range(0, len(tiles), batch)
        ]
        return answers[0] if len(answers) == 1 else tuple(np.concatenate(a) for a in zip(*answers, strict=True))


def _give_back() -> None:
    """Have torch give back what it keeps on the GPU for later."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
