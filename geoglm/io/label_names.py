"""Names of classes compared: which class of a reference is which class of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglm.errors import LabelError
from geoglm.types import INVALID


@dataclass(frozen=True, slots=True)
class Legend:
    """What the classes of a reference are called, and where each lies among them.

    Args:
        classes: names, in order.
        indices: for each class the reference has, its place in `classes`; 255 for one that is left out.
        notes: lines for the user where something was taken for granted.
    """

    classes: tuple[str, ...]
    indices: tuple[int, ...]
    notes: tuple[str, ...] = ()


def plain(name: str) -> str:
    """A name as it is compared: lower case, one blank for any run of blanks, dashes and underscores; of a number that
    stands for a class its sign stays.

    >>> plain(" Flooded_Vegetation"), plain("-1")
    ('flooded vegetation', '-1')
    """
    if re.fullmatch(r"\s*-\d+\s*", name):
        return name.strip()
    return re.sub(r"[\s_-]+", " ", name).strip().lower()


def place_table(own: Sequence[str], names: Sequence[str]) -> NDArray[np.uint8]:
    """``(256,)`` place in the list `names` of every place in a list of some of them; 255 for what is no place in it."""
    place = {plain(n): k for k, n in enumerate(names)}
    table = np.full(256, INVALID, np.uint8)
    table[: len(own)] = [place[plain(n)] for n in own]
    return table


def check_shared(paths: Sequence[Path], classes: Sequence[Sequence[str]]) -> None:
    """Refuse a map whose classes have no name in common with those of any other: all of it would be change.

    Numbers that stand for classes are those that there happen to be, and need not meet.

    Raises:
        LabelError: there is one.
    """
    named = [{plain(n) for n in own} for own in classes]
    for k, (path, own) in enumerate(zip(paths, named, strict=True)):
        others = set().union(*named[:k], *named[k + 1 :])
        numbers = all(n.lstrip("-").isdecimal() for n in own | others)
        if own and others and not own & others and not numbers:
            theirs = sorted({n for given in classes for n in given if plain(n) in others})
            told, other = (", ".join(n[:8]) + (" …" if len(n) > 8 else "") for n in (classes[k], theirs))
            raise LabelError(
                f"{path}: has the classes {told}, the other maps {other}; classes are matched by name: give all maps "
                "the same names, or values"
            )


def match_names(
    found: Sequence[str], classes: Sequence[str] | None, rename: Mapping[str, str], *, where: str
) -> Legend:
    """Find the classes of a reference among those of a model.

    Args:
        found: what the reference calls its classes.
        classes: what the model calls its own, in order; None to take over the reference's.
        rename: reference name → model name; an empty name leaves the class out.
        where: the reference, for messages.

    Raises:
        LabelError: a class of the reference is unknown, `rename` names one that is not there, or there are too many.
    """
    have = {plain(n) for n in found}
    numbered = all(n.isdecimal() for n in found)  # of a raster without names, which tells those values that it has
    if stray := [n for n in rename if plain(n) not in have and not (numbered and n.isdecimal())]:
        raise LabelError(f"{where}: the mapping names {stray[0]!r}, but the labels have {_list(found)}")
    others = {plain(old): new for old, new in rename.items()}
    names = [others.get(plain(n), n).strip() for n in found]
    notes: tuple[str, ...] = ()
    if classes is None:
        first: dict[str, str] = {}
        for name in filter(None, names):
            first.setdefault(plain(name), name)
        classes = tuple(first.values())
        if len(classes) > INVALID - 1:
            raise LabelError(f"{where}: has {len(classes)} classes; at most {INVALID - 1} are possible")
    elif _are_places(names, classes):
        told = _list([f"{k} {n}" for k, n in enumerate(classes)])
        notes = (f"labels without names: their numbers are taken for the classes in order ({told})",)
        names = [classes[int(n)] if n else "" for n in names]
    place = {plain(n): k for k, n in enumerate(classes)}
    if unknown := [n for n in names if n and plain(n) not in place]:
        raise LabelError(
            f"{where}: no class of the model is called {_list(unknown)}; the labels have {_list(found)}, the model "
            f"knows {_list(classes)}; a mapping such as {unknown[0]}={classes[0]} says which is which"
        )
    return Legend(tuple(classes), tuple(place[plain(n)] if n else INVALID for n in names), notes)


def _are_places(names: Sequence[str], classes: Sequence[str]) -> bool:
    """True where all names that are left are bare numbers of places in `classes`, and no class is called by one."""
    known = {plain(c) for c in classes}
    numbers = [n for n in names if n]
    return (
        bool(numbers)
        and all(n.isascii() and n.isdecimal() and int(n) < len(classes) for n in numbers)
        and known.isdisjoint(numbers)
    )


def _list(names: Sequence[str], most: int = 12) -> str:
    """A list of names for a message."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
