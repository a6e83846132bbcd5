"""How a job tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the phase, and the pixels done and to do in it."""


def silent(phase: str, done: int, total: int) -> None:
    """Report nothing."""
