"""What a report is made of: sections of pictures, legends, tables, bars, facts and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that travels within the page.

    Args:
        source: a ``data:`` address.
        caption: what it shows, for those who cannot see it too.
        wide: across the page, not beside another.
    """

    kind: ClassVar[str] = "picture"
    source: str
    caption: str
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Legend:
    """Names with their colours ``#rrggbb``."""

    kind: ClassVar[str] = "legend"
    entries: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of `Bars`: a class, its share 0…1, and amounts in words."""

    name: str
    colour: str
    share: float
    amounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """A table of shares, each drawn as a bar.

    Args:
        heads: names of the amounts.
    """

    kind: ClassVar[str] = "bars"
    heads: tuple[str, ...]
    rows: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column names the row."""

    kind: ClassVar[str] = "table"
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, folded away if `folded`."""

    kind: ClassVar[str] = "facts"
    values: Mapping[str, Any]
    title: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Notes:
    """Sentences that the reader should not miss."""

    kind: ClassVar[str] = "notes"
    lines: Sequence[str]


Part: TypeAlias = Picture | Legend | Bars | Table | Facts | Notes


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    title: str
    parts: Sequence[Part]
