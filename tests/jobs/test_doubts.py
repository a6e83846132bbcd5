"""Layers of uncertainty: those of the probabilities, in every way a map is made, and at no cost to the others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from rio_cogeo.cogeo import cog_validate

from geoglm.errors import PlanError
from geoglm.io.geotiff import RasterFile
from geoglm.io.parcel import pack_scores, unpack_scores
from geoglm.io.source import read_padded
from geoglm.jobs.network import runtime_of
from geoglm.jobs.planning import make_plan
from geoglm.jobs.segment import segment_file
from geoglm.jobs.view import segment
from geoglm.nn.segmenter import SegmenterSpec
from geoglm.options import Doubt, HaloRule, PatchRule, SegmentOptions, parse_layers
from geoglm.registry.package import write_package
from geoglm.types import PixelBox, Scores
from tests.conftest import card_for, pointwise, write_scene
from tests.nn.networks import network

BOTH: tuple[Doubt, ...] = ("entropy", "margin")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = np.random.default_rng(0).integers(1, 255, (3, 700, 900)).astype(np.uint8)
    pixels[:, 100:300, 600:] = 0
    return write_scene(tmp_path_factory.mktemp("scene") / "scene.tif", pixels, nodata=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    mild = {"temperature": 20.0, "ece_before": 0.2, "ece_after": 0.1, "data": "a test"}
    return str(pointwise(tmp_path_factory.mktemp("model") / "model", **{"geoglm:calibration": mild}).folder)


def asked(model: str, **changes: object) -> SegmentOptions:
    plain = SegmentOptions(model, patch=PatchRule("fixed", 256), halo=HaloRule("fixed", 16), shard_px=300)
    return replace(plain, vectors="none", precision="f32", **changes)  # type: ignore[arg-type]


def read(folder: Path, name: str) -> np.ndarray:
    with rasterio.open(folder / f"{name}.tif") as file:
        return np.asarray(file.read())


@pytest.mark.parametrize("how", [{}, {"blend": True}, {"device": "torch-cpu"}], ids=["cut", "blended", "torch"])
def test_doubts_lie_beside_maps_that_are_the_same_without(
    scene: Path, model: str, tmp_path: Path, how: dict[str, object]
) -> None:
    segment_file(scene, tmp_path / "without", asked(model, **how))
    segment_file(scene, tmp_path / "with", asked(model, doubts=BOTH, probabilities=True, **how))
    for name in ("classes", "confidence"):
        same = [(tmp_path / f / f"{name}.tif").read_bytes() for f in ("without", "with")]
        assert same[0] == same[1]
    assert not list((tmp_path / "without").glob("entropy*"))
    share = read(tmp_path / "with", "probabilities")
    there = share[0] != 255
    chance = np.sort(share[:, there] / 100, axis=0)
    truth = {"entropy": -(chance * np.log(chance.clip(1e-9))).sum(0) / np.log(5), "margin": chance[-1] - chance[-2]}
    for name in BOTH:
        assert cog_validate(tmp_path / "with" / f"{name}.tif", strict=True) == (True, [], [])
        (made,) = read(tmp_path / "with", name)
        assert ((made != 255) == there).all()
        assert np.abs(made[there] / 100 - truth[name]).max() <= {"margin": 0.016, "entropy": 0.05}[name]
        with rasterio.open(tmp_path / "with" / f"{name}.tif") as file:
            assert (file.nodata, file.scales) == (255, (0.01,))
            assert "probabilit" in file.tags()["UNIT"]
            assert file.overviews(1)
        assert (tmp_path / "with" / f"{name}.qml").exists()


def test_doubts_do_not_depend_on_shards_and_are_lazy_in_xarray(scene: Path, model: str, tmp_path: Path) -> None:
    for shard in (200, 5000):
        segment_file(scene, tmp_path / str(shard), replace(asked(model, doubts=BOTH), shard_px=shard))
    lazy = segment(scene, model, patch=256, halo=16, shard_px=300, precision="f32", layers="margin,entropy")
    assert set(lazy.data_vars) == {"classes", "confidence", "entropy", "margin"}
    for name in BOTH:
        (made,) = read(tmp_path / "200", name)
        assert (made == read(tmp_path / "5000", name)[0]).all()
        assert lazy[name].chunks is not None
        values = lazy[name].values
        assert (np.isnan(values) == (made == 255)).all()
        assert np.nanmax(np.abs(values - made / 100)) < 1e-6


def test_doubts_travel_with_their_scores() -> None:
    layers = {d: np.full((4, 5), k, np.uint8) for k, d in enumerate(BOTH)}
    views = ((PixelBox(3, 7, 5, 10), np.arange(6, dtype=np.uint8).reshape(2, 3)),)
    plain = np.zeros((4, 5), np.uint8)
    back = unpack_scores(pack_scores(Scores(plain, plain, doubts=layers, views=views)))
    assert back.probabilities is None
    assert [(b, v.tolist()) for b, v in back.views] == [(b, v.tolist()) for b, v in views]
    assert {n: v.tolist() for n, v in back.doubts.items()} == {n: v.tolist() for n, v in layers.items()}


def test_an_unknown_layer_is_told_from_those_there_are() -> None:
    assert parse_layers(None) == ((), False)
    with pytest.raises(PlanError, match="'variance' is unknown; use entropy, margin, disagreement"):
        parse_layers("entropy,variance")
    with pytest.raises(PlanError, match="time budget"):
        SegmentOptions(disagreement=True, time_budget=5.0)


@pytest.fixture(scope="module")
def looking(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random network that looks further than its tiles' halos, so that they disagree."""
    spec = SegmenterSpec("tu-test_efficientnet", bands=3, classes=5, depth=3, width=8)
    built = network(spec)
    with torch.no_grad():  # every class somewhere
        some = torch.rand(1, 3, 40, 40).repeat_interleave(8, 2).repeat_interleave(8, 3) * 2 - 1
        built.head[1].bias -= built(some).mean(dim=(0, 2, 3))
    tiling = {"stride": built.stride, "tileable": True, "halo": 16, "exact_halo": 64}
    package = write_package(tmp_path_factory.mktemp("looking"), built, card_for(spec, **{"geoglm:tiling": tiling}))
    return str(package.folder)


def by_hand(scene: Path, options: SegmentOptions, classes: np.ndarray) -> np.ndarray:
    """The slow obvious version: every tile by itself, and every pixel's tiles counted."""
    plan = make_plan(RasterFile(scene), options)
    runtime, whole = runtime_of(plan, "map"), plan.source.meta.box
    seen, differ = np.zeros((2, *whole.shape), int)
    for tile in plan.layout.grid:
        pixels, valid = read_padded(plan.source, tile.read, plan.bands, fill=plan.fill, dtype="uint8")
        if not valid[tile.core.within(tile.read)].any():
            continue
        part = tile.read.clip(whole)
        view = runtime.infer(pixels[None])[0][0]
        there = valid[part.within(tile.read)]
        seen[part.within(whole)] += there
        differ[part.within(whole)] += there & (view[part.within(tile.read)] != classes[part.within(whole)])
    return np.where((seen > 1) & (classes != 255), np.rint(100 * differ / np.maximum(seen, 1)), 255).astype(np.uint8)


def test_disagreement_is_of_all_tiles_that_see_a_pixel_however_shards_are_cut(
    scene: Path, looking: str, tmp_path: Path
) -> None:
    plain = replace(asked(looking, device="torch-cpu"), patch=PatchRule("fixed", 192))
    segment_file(scene, tmp_path / "without", plain)
    made = {}
    for shard in (200, 5000):
        folder = tmp_path / str(shard)
        segment_file(scene, folder, replace(plain, disagreement=True, shard_px=shard))
        (made[shard],) = read(folder, "disagreement")
        assert (folder / "classes.tif").read_bytes() == (tmp_path / "without" / "classes.tif").read_bytes()
    assert cog_validate(tmp_path / "200" / "disagreement.tif", strict=True) == (True, [], [])
    truth = by_hand(scene, plain, read(tmp_path / "without", "classes")[0])
    assert (made[200] == truth).all()
    assert (made[5000] == truth).all()
    assert {0, 50, 255} <= set(np.unique(truth))
    lazy = segment(
        scene, looking, patch=192, halo=16, shard_px=200, precision="f32", device="torch-cpu", layers="disagreement"
    )
    part = lazy.disagreement[150:420, 180:400].values
    assert np.array_equal(
        part, np.where(truth == 255, np.nan, truth / np.float32(100))[150:420, 180:400], equal_nan=True
    )


def test_of_tiles_that_cannot_disagree_none_does(scene: Path, model: str, tmp_path: Path) -> None:
    for blend in (False, True):
        segment_file(scene, tmp_path / str(blend), asked(model, disagreement=True, blend=blend))
        (made,) = read(tmp_path / str(blend), "disagreement")
        assert set(np.unique(made)) == {0, 255}
