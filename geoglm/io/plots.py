"""A figure that becomes a PNG, without a display."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def figure_file(path: Path, size: tuple[float, float], *, dpi: int) -> Iterator[Any]:
    """An empty figure of `size` in inches, written to `path` at the end."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    with warnings.catch_warnings():
        # a name may have letters that the font has not
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(path)


def rounded(number: float) -> str:
    """Three digits of a number, and all before the point.

    >>> [rounded(v) for v in (1234.5, 20.449, 0.03)]
    ['1,234', '20.4', '0.03']
    """
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
