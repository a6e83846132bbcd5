"""Layers of uncertainty: those of the probabilities, in every way a map is made, and at no cost to the others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from geoglm.errors import PlanError
from geoglm.io.parcel import pack_scores, unpack_scores
from geoglm.jobs.segment import segment_file
from geoglm.jobs.view import segment
from geoglm.options import Doubt, HaloRule, PatchRule, SegmentOptions, parse_doubts
from geoglm.types import Scores
from tests.conftest import pointwise, write_scene

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
    back = unpack_scores(pack_scores(Scores(np.zeros((4, 5), np.uint8), np.zeros((4, 5), np.uint8), doubts=layers)))
    assert back.probabilities is None
    assert {n: v.tolist() for n, v in back.doubts.items()} == {n: v.tolist() for n, v in layers.items()}


def test_an_unknown_layer_is_told_from_those_there_are() -> None:
    assert parse_doubts(None) == ()
    with pytest.raises(PlanError, match="'variance' is unknown; use entropy or margin"):
        parse_doubts("entropy,variance")
