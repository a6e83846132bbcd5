"""What a card may say: kinds and sizes of its fields, so that no card builds a network that fills the memory.

A table of rules stands for the JSON schema: path of a field → what it must be. Fields that are not named here are
free, as the STAC extensions allow; only those that geoglm acts on are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

MOST_BYTES = 4 * 2**20
"""Of ``model.json``."""

Rule = Callable[[Any], bool]


def whole(low: int, high: int) -> Rule:
    """A whole number from `low` to `high`."""
    return lambda value: type(value) is int and low <= value <= high


def number(low: float, high: float) -> Rule:
    """A number from `low` to `high`."""
    return lambda value: type(value) in (int, float) and low <= value <= high


def text(most: int = 4096, pattern: str = r"[\s\S]*") -> Rule:
    """Text of at most so many letters, all of it of a pattern."""
    return lambda value: isinstance(value, str) and len(value) <= most and bool(re.fullmatch(pattern, value))


def several(least: int, most: int) -> Rule:
    """A list of so many entries."""
    return lambda value: isinstance(value, list) and least <= len(value) <= most


def table(value: Any) -> bool:
    """An object."""
    return isinstance(value, dict)


NETWORK: Mapping[str, Rule] = {
    "encoder": text(80, r"[A-Za-z0-9_.-]+"),  # a name; no address of a hub
    "bands": whole(1, 1000),
    "classes": whole(1, 255),
    "depth": whole(0, 6),
    "width": whole(1, 1024),
    "fusion": text(40, r"\w+"),
    "detail": whole(0, 1024),
    "stretch": text(40, r"\w+"),
    "alignment": text(40, r"\w+"),
    "context": whole(0, 1024),
    "finest": whole(1, 2),
    "kept": table,
}
"""Fields of ``geoglm:network``; there are no others."""

RULES: Mapping[str, tuple[Rule, str]] = {
    "mlm:name": (text(200), "a name of at most 200 letters"),
    "version": (text(80), "text of at most 80 letters"),
    "description": (text(20_000), "text of at most 20,000 letters"),
    "mlm:input": (several(1, 8), "a list with an entry"),
    "mlm:output": (several(1, 8), "a list with an entry"),
    "geoglm:full_scale": (table, "an object"),
    "geoglm:tiling": (table, "an object"),
    "geoglm:working_gsd": (number(1e-4, 1e6), "metres"),
    "geoglm:summary_size": (whole(0, 1 << 20), "a whole number up to 1,048,576"),
}
TILING: Mapping[str, tuple[Rule, str]] = {
    "stride": (whole(1, 1024), "a whole number from 1 to 1024"),
    "halo": (whole(0, 1 << 16), "a whole number up to 65,536"),
    "exact_halo": (whole(0, 1 << 16), "a whole number up to 65,536"),
    "tileable": (lambda value: isinstance(value, bool), "true or false"),
}


def check_card(card: Any) -> None:
    """Hold the JSON of a card against the rules.

    Raises:
        ValueError: a field is not what it must be.
    """
    if not isinstance(card, dict):
        raise ValueError("it is no JSON object")
    _hold(card, RULES, "")
    _hold(card.get("geoglm:tiling") or {}, TILING, "geoglm:tiling ")
    _network(card.get("geoglm:network") or {})
    for part, key, most in (("mlm:input", "bands", 1000), ("mlm:output", "classification:classes", 255)):
        entries = card[part][0].get(key) if part in card and isinstance(card[part][0], dict) else None
        if entries is not None and not several(1, most)(entries):
            raise ValueError(f"{key} of {part} must be a list of 1 to {most} entries")


def _hold(part: Mapping[str, Any], rules: Mapping[str, tuple[Rule, str]], where: str) -> None:
    for key, (rule, words) in rules.items():
        if part.get(key) is not None and not rule(part[key]):
            raise ValueError(f"{where}{key} is {str(part[key])[:80]!r}; it must be {words}")


def _network(spec: Any) -> None:
    if not isinstance(spec, dict):
        raise ValueError("geoglm:network is no JSON object")
    if strange := sorted(set(spec) - set(NETWORK)):
        raise ValueError(f"geoglm:network has {strange[0]!r}, which this version of geoglm does not know")
    for key, value in spec.items():
        if not NETWORK[key](value):
            raise ValueError(f"geoglm:network {key} is {str(value)[:80]!r}, which no network here can have")
    if not all(whole(1, 1 << 16)(n) for n in (spec.get("kept") or {}).values()):
        raise ValueError("geoglm:network kept holds something other than numbers of channels")
