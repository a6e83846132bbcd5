"""Scene and card compared before work starts: which band is which, and what does not fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from geoglm.errors import SceneMismatch
from geoglm.registry.card import ModelCard
from geoglm.types import SceneMeta

ALIASES = (
    {"red", "r", "b4", "b04"},
    {"green", "g", "b3", "b03"},
    {"blue", "b", "b2", "b02"},
    {"nir", "near infrared", "infrared", "b8", "b08"},
    {"rededge1", "rededge071", "red edge 1", "vegetation red edge 1", "b5", "b05"},
    {"rededge2", "rededge075", "red edge 2", "vegetation red edge 2", "b6", "b06"},
    {"rededge3", "rededge078", "red edge 3", "vegetation red edge 3", "b7", "b07"},
    {"swir16", "swir1", "swir 1", "b11"},
    {"swir22", "swir2", "swir 2", "b12"},
)
"""Names of the same band: common names of the STAC electro-optical extension, what people write, and the numbers of
Sentinel-2, which serve where a file gives nothing better."""
SENTINEL2 = ("b02", "b03", "b04", "b05", "b06", "b07", "b08", "b11", "b12")
ORDERS = {
    12: ("b01", "b02", "b03", "b04", "b05", "b06", "b07", "b08", "b8a", "b09", "b11", "b12"),
    13: ("b01", "b02", "b03", "b04", "b05", "b06", "b07", "b08", "b8a", "b09", "b10", "b11", "b12"),
}
"""Bands of whole Sentinel-2 products in their order: of surface reflectance, from which the cirrus band is left out,
and of top of atmosphere. Other orders are about with 13 bands (8A last), none with 12."""


def same_band(name: str) -> set[str]:
    """All names of the band called `name`, in small letters."""
    plain = re.sub(r"[ _-]+", " ", name.strip().lower())
    if number := re.search(r"(?:^|[ .])(b\d{1,2}a?)(?=$|[ ,.(:])", plain):  # "B4, central wavelength 665 nm"
        plain = number[1]
    return next((group for group in ALIASES if plain in group), {plain})


def shown_bands(bands: Sequence[str]) -> tuple[int, ...]:
    """Which of a model's bands are shown as red, green and blue: by name, else the first three, or the first alone."""
    names = [same_band(b) for b in bands]
    found = [names.index(c) if (c := same_band(colour)) in names else None for colour in ("red", "green", "blue")]
    named = tuple(k for k in found if k is not None)
    return named if len(named) == 3 else (tuple(range(3)) if len(bands) >= 3 else (0,))


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
    names = [same_band(b) for b in meta.bands]
    found = [next((k for k, same in enumerate(names) if same == same_band(b)), None) for b in card.bands]
    known = [k for k in found if k is not None]
    if len(known) == needed:
        return BandMatch(tuple(known))
    example = "--bands " + (",".join(str(k) for k in range(1, needed + 1)) if needed > 4 else "4,3,2")
    if known and there > needed:
        lacking = card.bands[found.index(None)]
        raise SceneMismatch(f"{meta.name} has no band called {lacking}; say which are {wanted} ({example})")
    telling = any(len(same_band(b)) > 1 for b in card.bands)
    if telling and not all(re.fullmatch(r"(band|layer)?[ _-]*\d*", b.strip().lower()) for b in meta.bands):
        raise SceneMismatch(
            f"{meta.name} has bands called {', '.join(n or '?' for n in meta.bands[:6])}; which are {wanted} cannot "
            f"be told: say so with {example}"
        )
    return _by_order(meta, card)


def _by_order(meta: SceneMeta, card: ModelCard) -> BandMatch:
    """Bands of a scene that names none."""
    needed, there, wanted = len(card.bands), len(meta.bands), ", ".join(card.bands)
    sentinel = all(same_band(b) == same_band(s) for b, s in zip(card.bands, SENTINEL2, strict=False)) and needed == 9
    if there == needed or (there == needed + 1 and not sentinel):
        told = there == needed and not sentinel
        return BandMatch(tuple(range(needed)), None if told else f"bands 1 to {needed} are taken for {wanted}")
    if sentinel and there == 12:
        indices = tuple(ORDERS[there].index(b) for b in SENTINEL2)
        numbers = ",".join(str(k + 1) for k in indices)
        return BandMatch(indices, f"12 bands without names are taken for a whole product: {wanted} are bands {numbers}")
    usual = ORDERS.get(there)
    example = ",".join(str(usual.index(b) + 1) for b in SENTINEL2) if sentinel and usual else "4,3,2"
    if sentinel and not usual:
        example = "1,2,3,4,5,6,7,8,9"
    order = " if they are in the order of the product" if sentinel and usual else ""
    raise SceneMismatch(
        f"{meta.name} has {there} bands without names that tell which are {wanted}; say so with "
        f"--bands {example}{order}"
    )
