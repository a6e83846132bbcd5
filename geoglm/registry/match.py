"""Scene and card compared before work starts: which band is which, and what does not fit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from geoglm.errors import SceneMismatch
from geoglm.registry.card import ModelCard
from geoglm.types import SceneMeta

ALIASES = {
    "red": {"red", "r", "b4", "b04"},
    "green": {"green", "g", "b3", "b03"},
    "blue": {"blue", "b", "b2", "b02"},
    "nir": {"nir", "near infrared", "near_infrared", "infrared", "b8", "b08"},
}
"""Names under which a band is found; the Sentinel-2 numbers serve where a file gives nothing better."""


@dataclass(frozen=True, slots=True)
class BandMatch:
    """Which scene bands feed the model, counted from 0, and a line for the user where it was a guess."""

    indices: tuple[int, ...]
    note: str | None = None


def match_bands(meta: SceneMeta, card: ModelCard, asked: tuple[int, ...] | None) -> BandMatch:
    """Find the model's bands in the scene.

    By the user's word, else by name, else by order where the scene has no names and at most one band more
    than the model takes (red, green, blue, near infrared is usual). Anything else would be a guess.

    Raises:
        SceneMismatch: bands are missing, or which is which cannot be told.
    """
    needed, there = len(card.bands), len(meta.bands)
    wanted = ", ".join(card.bands)
    if asked is not None:
        if len(asked) != needed:
            raise SceneMismatch(f"--bands names {len(asked)} bands, {card.name} takes {needed} ({wanted})")
        if beyond := [b for b in asked if b > there]:
            raise SceneMismatch(f"--bands names band {beyond[0]}, {meta.name} has {there} bands (counted from 1)")
        return BandMatch(tuple(b - 1 for b in asked))
    if there < needed:
        raise SceneMismatch(
            f"{meta.name} has {there} band{'s' * (there != 1)}, {card.name} takes {needed} ({wanted}); "
            "use a scene with these bands, or --bands to repeat one, e.g. --bands 1,1,1"
        )
    names = [b.strip().lower() for b in meta.bands]
    found = [
        next((k for k, name in enumerate(names) if name in ALIASES.get(b.lower(), {b.lower()})), None)
        for b in card.bands
    ]
    known = [k for k in found if k is not None]
    if len(known) == needed:
        return BandMatch(tuple(known))
    if known and there > needed:
        lacking = card.bands[found.index(None)]
        raise SceneMismatch(f"{meta.name} has no band called {lacking}; say which are {wanted} (--bands 4,3,2)")
    telling = any(b.lower() in ALIASES for b in card.bands)
    if telling and not all(re.fullmatch(r"(band|layer)?[ _-]*\d*", name) for name in names):
        raise SceneMismatch(
            f"{meta.name} has bands called {', '.join(n or '?' for n in names[:6])}; which are {wanted} cannot "
            "be told: say so with --bands 4,3,2"
        )
    if there <= needed + 1:
        return BandMatch(
            tuple(range(needed)), None if there == needed else f"bands 1 to {needed} are taken for {wanted}"
        )
    raise SceneMismatch(
        f"{meta.name} has {there} bands without names that tell which are {wanted}; say so with --bands 4,3,2"
    )
