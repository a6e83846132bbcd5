"""The page itself, by a template into which nothing goes unescaped."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from geoglm.io.report.parts import Section


def page(title: str, under: str, sections: Sequence[Section]) -> str:
    """HTML of a report: styles and pictures are inside, scripts and requests there are none.

    Args:
        title: its heading.
        under: a line below that.
    """
    from jinja2 import Environment, StrictUndefined

    text = (files("geoglm.io.report") / "report.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(text).render(title=title, under=under, sections=[s for s in sections if s.parts])
