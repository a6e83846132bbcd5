"""The Python face: scenes and maps as lazy xarray objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geoglm.errors import GeoglmError
from geoglm.io.geotiff import RasterFile
from geoglm.io.guard.trust import trust
from geoglm.io.lazy import Chunks, DataArrayScene, lazy_blocks, located, scene_array
from geoglm.io.remote import scene_ref
from geoglm.io.source import Source
from geoglm.jobs.maps import UNITS
from geoglm.jobs.notebook.accessor import MapAccessor
from geoglm.jobs.plan import SegmentPlan
from geoglm.jobs.planning import make_plan
from geoglm.jobs.scorer import ShardScorer
from geoglm.options import HaloRule, PatchRule, SegmentOptions, parse_layers, parse_memory, parse_scale
from geoglm.registry.catalog import find
from geoglm.registry.package import ModelPackage
from geoglm.stitch.doubts import disagreement
from geoglm.tiling.grid import TileGrid
from geoglm.tiling.shards import ShardLayout
from geoglm.types import INVALID, PixelBox, Scores

if TYPE_CHECKING:
    from distributed import Client

xr.register_dataset_accessor("geoglm")(MapAccessor)  # type: ignore[no-untyped-call]  # xarray says no types


def open_scene(path: str | Path, *, model: str | None = None) -> xr.DataArray:
    """A raster as a lazy ``(band, y, x)`` DataArray; nothing is read until it is computed.

    Its chunks are the shards in which `segment` works: those planned for `model` where one is named, else
    blocks of about 2048 px that keep to the file's own blocks. CRS and transform are in ``spatial_ref`` (as
    rioxarray reads it) and, with ``nodata``, in ``attrs``; band names are the ``band`` coordinate. Pixels
    are as in the file: nothing is scaled or masked.

    Raises:
        SceneNotFound, SceneUnreadable: there is no such raster.
    """
    source = RasterFile(scene_ref(path))
    if model is not None:
        chunks = make_plan(source, SegmentOptions(model=model)).layout.chunks
    else:
        chunks = _plain_shards(source)
    return scene_array(source, chunks)


def _plain_shards(source: Source) -> Chunks:
    """Shards of a scene for which no model is known."""
    meta = source.meta
    block = max(1, min(max(meta.block), 1024))
    grid = TileGrid.over((meta.height, meta.width), patch=(block, block), halo=0, stride=1)
    return ShardLayout.sized(grid, side_px=2048).chunks


def segment(
    scene: str | Path | xr.DataArray,
    model: str = "auto",
    *,
    bands: tuple[int, ...] | None = None,
    scale: float | str | None = None,
    resample: float | None = None,
    patch: int | str = "auto",
    halo: int | str = "auto",
    blend: bool | None = None,
    memory: str = "2GB",
    workers: int = 0,
    shard_px: int = 0,
    precision: str = "auto",
    device: str = "auto",
    probabilities: bool = False,
    layers: str | None = None,
    client: Client | None = None,
) -> xr.Dataset:
    """Land-cover map of a scene, computed shard by shard where and when it is looked at.

    A network that looks at the scene as a whole first looks at what it is given: a slice has a glance of its own, so
    its map is not always that part of the whole scene's map. For that, segment the whole and slice the result.

    Args:
        scene: path or URL of a raster, STAC item (`geoglm.io.remote`) or product (`geoglm.io.products`), or a
            ``(band, y, x)`` DataArray such as `open_scene` gives, or a slice of it.
        model: name of a shipped package, path of a package, or ``auto``.
        bands: scene bands for the model's bands, counted from 1.
        scale: pixel value that counts as full scale, or ``auto`` (99.5th percentile of the scene).
        resample: ground sample distance in metres to work at (files only).
        patch: side of a tile in px, ``auto`` or ``stepwise``.
        halo: border of a tile in px, ``auto`` or ``exact``.
        blend: fade tiles into each other; None where the package is not exactly tileable.
        memory: budget of the plan, e.g. ``2GB``.
        workers: threads the network is prepared for; 0 for one per core.
        shard_px: side of a shard (a chunk) in px; 0 for about 2048.
        precision: ``auto``, ``f32`` or ``bf16``.
        device: ``auto``, ``cpu``, ``torch-cpu`` or ``cuda``.
        probabilities: add the probability of every class.
        layers: of uncertainty, some of ``entropy,margin,disagreement``.
        client: of a dask cluster: its workers begin to score the shards at once, each with a network of its own, and
            keep the scores until they are looked at. They open the scene by its path.

    Returns:
        ``classes`` uint8 ``(y, x)`` with 255 where there is no data, ``confidence`` float32 ``(y, x)`` in 0…1
        with NaN there, and if asked for ``probabilities`` float32 ``(class, y, x)``, ``entropy``, ``margin``
        and ``disagreement`` float32 ``(y, x)`` in 0…1 (see `geoglm.stitch.doubts`). The legend is in
        ``classes.attrs`` as CF flags, the plan as JSON in ``attrs``. The accessor ``.geoglm`` draws, measures and
        saves them, see `geoglm.jobs.notebook.accessor.MapAccessor`.

    Raises:
        GeoglmError: of the kind that says what does not fit.
    """
    doubts, disagree = parse_layers(layers)
    options = SegmentOptions(
        model=model,
        bands=bands,
        scale=parse_scale(None if scale is None else str(scale)),
        resample=resample,
        patch=PatchRule.parse(str(patch)),
        halo=HaloRule.parse(str(halo)),
        blend=blend,
        memory=parse_memory(memory),
        workers=workers,
        shard_px=shard_px,
        precision=precision,  # type: ignore[arg-type]  # checked at birth
        device=device,
        probabilities=probabilities,
        doubts=doubts,
        disagreement=disagree,
    )
    if not isinstance(scene, str | Path | xr.DataArray):
        raise GeoglmError(f"segment wants a path or a (band, y, x) DataArray, not {type(scene).__name__}")
    if isinstance(scene, xr.DataArray):
        if resample is not None:
            raise GeoglmError("resample works on files; resample the array with .interp() or .coarsen() first")
        source: Source = DataArrayScene(scene)
    else:
        source = RasterFile(scene_ref(scene), resample=resample, trusted=trust().within(options.memory))
    lazy = _lazy_map(make_plan(source, options))
    if client is None:
        return lazy
    (kept,) = client.persist([lazy], retries=2)
    return kept  # type: ignore[no-any-return]


def _lazy_map(plan: SegmentPlan) -> xr.Dataset:
    scorer, meta, card = ShardScorer(plan), plan.source.meta, plan.package.card
    chunks = plan.layout.chunks
    scores = {
        (i, j): dask.delayed(scorer.score, pure=False)(i, j)
        for i in range(len(chunks[0]))
        for j in range(len(chunks[1]))
    }

    def layer(name: str, *lead: int) -> da.Array:
        return lazy_blocks(chunks, lambda i, j: getattr(scores[i, j], name), np.empty((*lead, 0, 0), np.uint8))

    def doubt(name: str) -> da.Array:
        return lazy_blocks(chunks, lambda i, j: scores[i, j].doubts[name], np.empty((0, 0), np.uint8))

    def share(percent: da.Array) -> da.Array:
        return da.where(percent == INVALID, np.float32(np.nan), percent.astype(np.float32) / 100)

    classes = xr.DataArray(layer("classes"), dims=("y", "x"), name="classes")
    classes.attrs = {
        "flag_values": [c.value for c in card.classes],
        "flag_meanings": " ".join(c.name.replace(" ", "_") for c in card.classes),
        "class_names": [c.name for c in card.classes],
        "flag_colors": " ".join(c.colour for c in card.classes),
        "nodata": INVALID,
    }
    maps = {"classes": located(classes, meta.georef)}
    confidence = xr.DataArray(share(layer("confidence")), dims=("y", "x"))
    maps["confidence"] = located(confidence, meta.georef)
    if plan.options.probabilities:
        every = xr.DataArray(
            share(layer("probabilities", len(card.classes))),
            dims=("class", "y", "x"),
            coords={"class": [c.name for c in card.classes]},
        )
        maps["probabilities"] = located(every, meta.georef)

    def views(i: int, j: int) -> Any:
        """The disagreement of a chunk, of its own scores and of those of all shards whose tiles read some of it."""
        box = plan.layout.shard(i, j).box
        near = sorted({plan.layout.owner(t) for t in plan.layout.grid.reading(box)})
        return dask.delayed(_disagreeing, pure=False)(scores[i, j], box, [scores[n] for n in near])

    doubts: dict[str, da.Array] = {name: doubt(name) for name in plan.options.doubts}
    if plan.options.disagreement:
        doubts["disagreement"] = lazy_blocks(chunks, views, np.empty((0, 0), np.uint8))
    for name, percent in doubts.items():
        values = xr.DataArray(share(percent), dims=("y", "x"), attrs={"long_name": UNITS[name], "units": "1"})
        maps[name] = located(values, meta.georef)
    attrs: dict[str, Any] = {"model": card.name, "model_version": card.version, "scene": meta.name}
    if isinstance(plan.source, RasterFile):
        attrs["path"] = str(plan.source.path)
    return xr.Dataset(maps, attrs=attrs | {"notes": list(plan.notes), "plan": json.dumps(plan.describe())})


def _disagreeing(scores: Scores, box: PixelBox, near: list[Scores]) -> NDArray[np.uint8]:
    return disagreement(scores.classes, box, (view for s in near for view in s.views))


def load_model(name: str) -> ModelPackage:
    """The shipped model package called `name`, or the one in the folder of that path.

    Raises:
        UnknownModel, BadPackage: there is none, or it is damaged.
    """
    return find(name)
