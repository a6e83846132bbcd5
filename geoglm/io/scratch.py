"""Arrays that lie on the disk while a run needs them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def scratch_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """A new array in the file `path`, all zeros, for which there is room.

    Without the room a full disk would end the process (SIGBUS) when a page is written, not with an error.

    Raises:
        OSError: there is none.
    """
    array: NDArray[Any] = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
    if hasattr(os, "posix_fallocate"):  # macOS has none
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array
