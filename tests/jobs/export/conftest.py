"""Tiny networks run fastest on one thread."""

from tests.nn.conftest import _one_thread  # noqa: F401
