"""The catalogue: shipped packages and the user's own by name, and the one that fits a scene."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import platformdirs

from geoglm.errors import BadPackage, RefusedModel, SceneMismatch, UnknownModel
from geoglm.registry.package import CARD, PICKLES, ModelPackage
from geoglm.types import SceneMeta

PINNED = {
    "aerial-landcover": "74ce13fed5e1ab3f2284f564b8950e811245221363ac2017f9b0daf9f948a145",
    "sentinel2-landcover": "d0063d1362b5d0f39362f66e209c231bacbfd5f3b580b1e91eb2374b0ab518e6",
}
"""SHA-256 of the cards of the shipped packages; a card names those of its weights and its graph in turn."""
REINSTALL = "reinstall geoglm, or write the new hash into geoglm/registry/catalog.py if you made it anew"


def shipped() -> dict[str, ModelPackage]:
    """All packages that come with geoglm, by name.

    Raises:
        BadPackage: the card of one is not the one that this version of geoglm was shipped with.
    """
    root = Path(str(files("geoglm.registry"))) / "weights"
    found = {p.parent.name: ModelPackage.open(p.parent) for p in sorted(root.glob(f"*/{CARD}"))}
    for name, package in found.items():
        if hashlib.sha256((package.folder / CARD).read_bytes()).hexdigest() != PINNED.get(name):
            raise BadPackage(package.folder, f"its card is not the one this version of geoglm came with; {REINSTALL}")
    return {name: replace(package, shipped=True) for name, package in found.items()}


def own_folder() -> Path:
    """Where the user's own packages lie (``GEOGLM_MODELS`` moves it)."""
    return Path(os.environ.get("GEOGLM_MODELS") or platformdirs.user_data_path("geoglm") / "models")


def own() -> dict[str, Path]:
    """Folders of the user's own packages, by name; what is in them is not looked at."""
    return {p.parent.name: p.parent for p in sorted(own_folder().glob(f"*/{CARD}")) if p.parent.name[0] != "."}


def find(name: str) -> ModelPackage:
    """The package called `name`, shipped or the user's own, or the one in the folder of that path.

    Raises:
        UnknownModel: there is none.
        BadPackage: the folder is no usable package.
    """
    known, mine = shipped(), own()
    if name in known:
        return known[name]
    folder = mine.get(name, Path(name))
    if folder.suffix in PICKLES and folder.is_file():
        raise RefusedModel(folder, "a pickle may run code when it is read; geoglm models convert makes a package of it")
    if folder.is_dir():
        return ModelPackage.open(folder)
    raise UnknownModel(name, (*known, *mine))


@dataclass(frozen=True, slots=True)
class Choice:
    """A package and why it was taken."""

    package: ModelPackage
    why: str


def choose(meta: SceneMeta) -> Choice:
    """The shipped package that suits a scene by bands and ground sample distance.

    Raises:
        SceneMismatch: none does; the message says why and how to take one all the same.
    """
    refused: list[str] = []
    fitting: list[tuple[float, ModelPackage, str]] = []
    for name, package in shipped().items():
        card = package.card
        if len(meta.bands) < len(card.bands):
            refused.append(f"{name} needs {len(card.bands)} bands ({', '.join(card.bands)}), not {len(meta.bands)}")
            continue
        distance = gsd_distance(package, meta)
        if distance > 2:
            low, high = card.gsd or (0, 0)
            refused.append(f"{name} is for {low:g} to {high:g} m, the scene has {meta.gsd:g} m")
            continue
        ground = "of unknown ground sample distance" if meta.gsd is None else f"at {meta.gsd:.3g} m"
        fitting.append((distance, package, f"{len(meta.bands)} bands {ground} suit it"))
    if not fitting:
        raise SceneMismatch(
            f"no shipped model suits {meta.name}: {'; '.join(refused)}; --model NAME takes one all the same"
        )
    # of two that suit as well the one that makes use of more bands
    _, package, why = min(fitting, key=lambda f: (f[0], -len(f[1].card.bands)))
    return Choice(package, why)


def gsd_distance(package: ModelPackage, meta: SceneMeta) -> float:
    """How far outside the model's range a scene's ground sample distance lies, as a factor; 1 is inside."""
    if meta.gsd is None or package.card.gsd is None:
        return 1.0
    low, high = package.card.gsd
    return max(low / meta.gsd, meta.gsd / high, 1.0)
