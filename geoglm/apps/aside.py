"""A light start at a shell: parts of libraries that a command has no use for are not loaded.

Some libraries look for companions when they are imported, and do without where there are none: PyArrow and pyogrio for
pandas and geopandas, Numba for SciPy's linear algebra, OpenVINO for its converter. Together these cost half a second of
a run. In a notebook or a program they are left alone, since somebody else there may want them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

COMPANIONS = frozenset({"pandas", "geopandas", "scipy.linalg", "openvino.tools.ovc"})
SPARING = frozenset({"segment", "info"})
"""Commands that use none of the companions."""


class NotHere(MetaPathFinder, Loader):
    """Finds the companions, and then does not load them: whoever only asks for one (torch does) gets no error."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `MetaPathFinder`."""
        return ModuleSpec(fullname, self) if fullname in COMPANIONS else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """See `Loader`. A None in `sys.modules` would not do: PyArrow takes it for the module."""
        raise ModuleNotFoundError(f"{spec.name} is set aside", name=spec.name)


@contextmanager
def companions_aside(command: str | None) -> Iterator[None]:
    """Meanwhile, an import of a companion fails as if it were not installed, if `command` is one of `SPARING`."""
    finder = NotHere()
    if command in SPARING:
        sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
