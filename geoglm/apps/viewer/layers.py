"""What there is to see in folders of results and in rasters: layers, from the lowest to the uppermost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from geoglm.apps.viewer.raster import Grid, GridRaster
from geoglm.errors import GeoglmError, OutputError
from geoglm.io.legend import own_legend
from geoglm.io.polygon_files import SUFFIXES
from geoglm.jobs.report.shared import read_json
from geoglm.registry.catalog import find
from geoglm.registry.match import match_bands, shown_bands
from geoglm.types import INVALID, LandClass, PixelBox, SceneMeta

MAPS = ("change", "first-change", "classes")
"""How maps of classes are called; a date may follow."""
SHADES = ("confidence", "probability", "entropy", "margin", "disagreement")
"""How layers in percent are called; a date may follow."""
LOOK_PX = 512
"""Side of the picture by which a scene's darkest and brightest values are found."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One thing to see.

    Args:
        key: by which the page asks for it.
        title: its name on the page.
        kind: a scene, a map of classes, or percent.
        raster: where its pixels are.
        legend: classes of a map.
        sure: how sure a map is, percent.
        likely: probability of every class of a map, percent, in the order of its legend.
        bands: of a scene, that are shown as red, green and blue, or as grey.
        stretch: values of each of the bands that are shown black and white.
        shown: whether the page shows it at first.
    """

    key: str
    title: str
    kind: Literal["scene", "classes", "shade"]
    raster: GridRaster
    legend: tuple[LandClass, ...] = ()
    sure: GridRaster | None = None
    likely: GridRaster | None = None
    bands: tuple[int, ...] = (0,)
    stretch: tuple[tuple[float, float], ...] = ((0.0, 255.0),)
    shown: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """All there is to see: on one grid, the lowest layer first, with files of polygons by title."""

    title: str
    grid: Grid
    layers: tuple[Layer, ...]
    polygons: tuple[tuple[str, Path], ...] = ()
    notes: tuple[str, ...] = ()

    def close(self) -> None:
        """Close all files."""
        for layer in self.layers:
            for raster in (layer.raster, layer.sure, layer.likely):
                if raster is not None:
                    raster.close()


@dataclass(frozen=True, slots=True)
class _Found:
    """A file and what it is."""

    path: Path
    title: str
    kind: Literal["scene", "classes", "shade"]
    bands: tuple[int, ...] | None = None
    needed: bool = True


def view_of(paths: Sequence[Path], *, scene: Path | None = None) -> View:
    """What there is to see in `paths`, folders of results and rasters.

    Args:
        scene: shown below; None for those that the results were made from, if they are still where they were.

    Raises:
        OutputError: there is nothing to see in a folder.
        SceneNotFound, SceneUnreadable, FileRefused, SceneMismatch: see `GridRaster`.
    """
    found: list[_Found] = [] if scene is None else [_Found(scene, f"scene {scene.stem}", "scene")]
    polygons: list[tuple[str, Path]] = []
    for path in paths:
        before = f"{path.name} " if len(paths) > 1 else ""
        if path.is_dir():
            there = [*_of_folder(path, before, scenes=scene is None)]
            if not any(f.kind != "scene" for f in there):
                raise OutputError(f"{path}: holds no results; give a folder that segment, change or series wrote")
            found += there
            polygons += [(f"{before}polygons", p) for s in SUFFIXES if (p := path / f"polygons{s}").is_file()]
        else:
            found.append(_Found(path, path.stem, _kind_of(path)))
    ground = next((f for f in found if f.kind == "classes"), found[0])
    grid = GridRaster(ground.path).grid
    layers, notes = _layers(found, grid)
    if scene is None:
        gone = [p for folder in paths if folder.is_dir() for p, _ in _named(folder) if not p.is_file()]
        notes += [f"{p} is not there any more; --scene shows a scene that lies elsewhere" for p in gone[:1]]
    title = ", ".join(p.resolve().name for p in paths)
    return View(title, grid, tuple(_shown_first(layers)), tuple(polygons), tuple(notes))


def _layers(found: Sequence[_Found], grid: Grid) -> tuple[list[Layer], list[str]]:
    """The files opened, scenes lowest, and lines on what cannot be shown, or not from afar."""
    order = {"scene": 0, "shade": 1, "classes": 2}
    layers: list[Layer] = []
    notes: list[str] = []
    for k, f in enumerate(sorted(found, key=lambda f: order[f.kind])):
        try:
            layer = _layer(f"{k}-{re.sub(r'[^a-z0-9]+', '-', f.title.lower()).strip('-')}", f, grid)
        except GeoglmError as error:
            if f.needed:
                raise
            notes.append(f"the scene is not shown: {error}")
            continue
        if layer.raster.coarsest < grid.levels:
            notes.append(f"{f.title} has no overviews and is seen only from near; gdaladdo {f.path.name} makes some")
        layers.append(layer)
    return layers, notes


def _layer(key: str, found: _Found, grid: Grid) -> Layer:
    """A file opened as what it is."""
    raster = GridRaster(found.path, grid, mean=found.kind == "scene")
    if found.kind == "scene":
        bands = found.bands or shown_bands(raster.meta.bands)
        return Layer(key, found.title, "scene", raster, bands=bands, stretch=_stretch(raster, bands))
    if found.kind == "shade":
        return Layer(key, found.title, "shade", raster)
    legend, folder, name = _legend(found.path), found.path.parent, found.path.name
    beside = [folder / name.replace("classes", other, 1) for other in ("confidence", "probabilities")]
    if name == "change.tif":
        beside[0] = folder / "probability.tif"
    sure, likely = (GridRaster(p, grid) if p != found.path and p.is_file() else None for p in beside)
    return Layer(key, found.title, "classes", raster, legend, sure, likely)


def _legend(path: Path) -> tuple[LandClass, ...]:
    """The classes that a raster names; grey where its word for a colour is none, and none beyond its pixels' values."""
    sound = re.compile(r"#[0-9a-fA-F]{6}")
    there = [c for c in own_legend(path) if 0 <= c.value < INVALID]
    return tuple(c if sound.fullmatch(c.colour) else LandClass(c.value, c.name, "#888888") for c in there)


def _shown_first(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Of scenes and of maps the last, which for a series is that of the last date, is shown at first."""
    from dataclasses import replace

    last = {layer.kind: layer.key for layer in layers}
    for layer in layers:
        alone = layer.kind == "shade" and len(last) == 1
        yield replace(layer, shown=layer.key == last[layer.kind] and (layer.kind != "shade" or alone))


def _kind_of(path: Path) -> Literal["scene", "classes", "shade"]:
    """Of a raster that was given: a map of ours, one of our layers in percent, or a picture."""
    if own_legend(path):
        return "classes"
    meta = GridRaster(path).meta
    percent = len(meta.bands) == 1 and meta.dtype == "uint8" and meta.nodata == (255.0,)
    return "shade" if percent and path.stem.split("-")[0] in SHADES else "scene"


def _of_folder(folder: Path, before: str, *, scenes: bool) -> Iterator[_Found]:
    """Scenes that the results in a folder were made from, maps, and layers in percent."""
    if scenes:
        for path, title, bands in _scenes(folder):
            yield _Found(path, f"{before}{title}", "scene", bands, needed=False)
    groups: tuple[tuple[tuple[str, ...], Literal["shade", "classes"]], ...] = ((SHADES, "shade"), (MAPS, "classes"))
    for names, kind in groups:
        for name in names:
            for path in sorted([*folder.glob(f"{name}.tif"), *folder.glob(f"{name}-*.tif")]):
                yield _Found(path, f"{before}{path.stem.replace('-', ' ', 1)}", kind)


def _scenes(folder: Path) -> Iterator[tuple[Path, str, tuple[int, ...] | None]]:
    """The scenes of the manifest that are still there, with titles, and their bands where these are told."""
    for path, title in _named(folder):
        if path.is_file():
            yield path, title, _bands(path, read_json(folder / "manifest.json"))


def _named(folder: Path) -> list[tuple[Path, str]]:
    """Paths and titles of the scenes that the manifest names."""
    manifest = read_json(folder / "manifest.json")
    dated = manifest.get("scenes") if isinstance(manifest.get("scenes"), list) else []
    told = [(manifest.get(k), k) for k in ("before", "after", "scene")]
    told += [(s, f"scene {s.get('date', '')}") for s in dated or [] if isinstance(s, dict)]
    return [(Path(f["path"]), t) for f, t in told if isinstance(f, dict) and isinstance(f.get("path"), str)]


def _bands(path: Path, manifest: dict[str, Any]) -> tuple[int, ...] | None:
    """Red, green and blue of a scene by the model that mapped it; None where they cannot be told so."""
    with suppress(GeoglmError, KeyError, IndexError, TypeError, AttributeError):
        plan = manifest.get("plan", {})
        card = find(plan.get("model") or manifest["model"]["name"]).card
        meta: SceneMeta = GridRaster(path).meta
        used = [b - 1 for b in plan["bands"]] if plan.get("bands") else match_bands(meta, card, None).indices
        bands = tuple(used[k] for k in shown_bands(card.bands))
        return bands if max(bands) < len(meta.bands) else None
    return None


def _stretch(raster: GridRaster, bands: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Percentiles 1 and 99 of a scene, seen as a small picture or, without overviews, in its middle.

    Bands of bytes are pictures and share them, so that their colours stay; others each have their own.
    """
    box, level = raster.grid.box, raster.coarsest
    if level < raster.grid.levels:
        side = LOOK_PX << level
        top, left = max(0, (box.height - side) // 2), max(0, (box.width - side) // 2)
        box = PixelBox(top, left, top + side, left + side).clip(box)
    shrink = max(1.0, max(box.shape) / LOOK_PX)
    pixels, valid = raster.read(box, bands, (max(1, round(box.height / shrink)), max(1, round(box.width / shrink))))
    if not valid.any():
        return ((0.0, 255.0),) * len(bands)
    seen = pixels[:, valid].astype(np.float32)
    low, high = np.percentile(seen, (1, 99), axis=None if raster.meta.dtype == "uint8" else 1)
    return tuple(zip(*(np.broadcast_to(n, len(bands)).tolist() for n in (low, high)), strict=True))
