"""A heap of tuples, the smallest first."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def push(heap, item):  # type: ignore[no-untyped-def]
    """Put one in."""
    heap.append(item)
    place = len(heap) - 1
    while place:
        above = (place - 1) // 2
        if not item < heap[above]:
            break
        heap[place] = heap[above]
        place = above
    heap[place] = item


@njit(cache=True, nogil=True)
def pop(heap):  # type: ignore[no-untyped-def]
    """Take the smallest out."""
    least, moved = heap[0], heap.pop()
    size, place = len(heap), 0
    if size:
        while 2 * place + 1 < size:
            below = 2 * place + 1
            if below + 1 < size and heap[below + 1] < heap[below]:
                below += 1
            if moved < heap[below]:
                break
            heap[place] = heap[below]
            place = below
        heap[place] = moved
    return least
