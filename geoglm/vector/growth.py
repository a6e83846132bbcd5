"""Arrays that outgrow their room."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def longer(array, length, fill):  # type: ignore[no-untyped-def]
    """The same with room for `length` entries."""
    grown = np.full(length, fill, array.dtype)
    grown[: array.size] = array
    return grown


@njit(cache=True, nogil=True)
def counted(array, length):  # type: ignore[no-untyped-def]
    """The same with room for `length` entries, each pointing at itself."""
    grown = np.arange(length).astype(np.int32)
    grown[: array.size] = array
    return grown


@njit(cache=True, nogil=True)
def taller(array, length):  # type: ignore[no-untyped-def]
    """The same with room for `length` rows."""
    grown = np.empty((length, array.shape[1]), array.dtype)
    grown[: array.shape[0]] = array
    return grown
