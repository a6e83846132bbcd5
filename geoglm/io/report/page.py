"""The page itself, and its small sister for notebooks, by templates into which nothing goes unescaped."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from geoglm.io.report.parts import Part, Section

if TYPE_CHECKING:
    from jinja2 import Environment


def page(title: str, under: str, sections: Sequence[Section]) -> str:
    """HTML of a report: styles and pictures are inside, scripts and requests there are none.

    Args:
        title: its heading.
        under: a line below that.
    """
    return _rendered("report.html", title=title, under=under, sections=[s for s in sections if s.parts])


def snippet(title: str, under: str, parts: Sequence[Part]) -> str:
    """A piece of HTML for a notebook, light or dark: a title, a line below it, and `parts`."""
    return _rendered("snippet.html", title=title, under=under, parts=parts)


def _rendered(name: str, **values: Any) -> str:
    return _templates().get_template(name).render(values)


def _templates() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    here = files("geoglm.io.report")
    loader = FunctionLoader(lambda name: (here / name).read_text(encoding="utf-8"))
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
