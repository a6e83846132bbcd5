"""What is found in folders and rasters, and brought onto one grid."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine

from geoglm.apps.viewer.layers import view_of
from geoglm.apps.viewer.queries import areas, polygons_in
from geoglm.apps.viewer.raster import GridRaster
from geoglm.apps.viewer.tiles import class_values, scene_pixels
from geoglm.errors import OutputError, SceneMismatch
from geoglm.stats.area import pixel_areas
from geoglm.types import PixelBox
from tests.apps.viewer.conftest import LEGEND, write_map
from tests.conftest import UTM, write_scene

RNG = np.random.default_rng(3)
SMALL = RNG.choice([0, 1, 4], (60, 80)).astype(np.uint8)


def folder_of(path: Path, maps: list[str], manifest: dict[str, object]) -> Path:
    path.mkdir()
    for name in maps:
        if name.startswith(("confidence", "probability")):
            write_scene(path / name, SMALL[None], nodata=255)
        else:
            write_map(path / name, SMALL)
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


def test_a_change_is_seen_over_its_second_date(tmp_path: Path) -> None:
    dates = [write_scene(tmp_path / f"{k}.tif", RNG.integers(0, 9000, (4, 60, 80)).astype("uint16")) for k in "ab"]
    told = {"before": {"path": str(dates[0])}, "after": {"path": str(dates[1])}}
    view = view_of([folder_of(tmp_path / "out", ["change.tif", "probability.tif"], told)])
    seen = [(layer.title, layer.kind, layer.shown) for layer in view.layers]
    assert seen == [
        ("before", "scene", False),
        ("after", "scene", True),
        ("probability", "shade", False),
        ("change", "classes", True),
    ]
    assert view.layers[-1].sure is not None
    assert len(set(view.layers[0].stretch)) == 3  # each band by itself where they are no bytes


def test_a_series_has_a_layer_for_each_date(tmp_path: Path) -> None:
    days = ["2020-01-13", "2022-03-08"]
    maps = [f"{kind}-{day}.tif" for kind in ("classes", "confidence") for day in days] + ["first-change.tif"]
    gone = {"scenes": [{"date": d, "path": str(tmp_path / f"{d}.tif")} for d in days]}
    view = view_of([folder_of(tmp_path / "out", maps, gone)])
    named = {layer.title: layer for layer in view.layers}
    assert [t for t, layer in named.items() if layer.kind == "classes"] == [
        "first change",
        "classes 2020-01-13",
        "classes 2022-03-08",
    ]
    assert [t for t, layer in named.items() if layer.shown] == ["classes 2022-03-08"]
    for day in days:
        sure = named[f"classes {day}"].sure
        assert sure is not None
        assert sure.path.name == f"confidence-{day}.tif"
    assert any("not there any more; --scene" in note for note in view.notes)


def test_a_scene_on_another_grid_is_brought_onto_that_of_the_map(tmp_path: Path) -> None:
    coarse = RNG.integers(0, 255, (3, 30, 40)).astype(np.uint8)
    scene = write_scene(tmp_path / "coarse.tif", coarse, transform=UTM @ Affine.scale(2))
    view = view_of([write_map(tmp_path / "map.tif", SMALL)], scene=scene)
    layer = view.layers[0]
    (low, high), *_ = layer.stretch
    seen = scene_pixels(layer, PixelBox(10, 20, 50, 70), (40, 50))
    wanted = ((coarse.repeat(2, 1).repeat(2, 2).astype(float) - low) / (high - low) * 255).clip(0, 255)
    assert np.abs(np.moveaxis(seen[..., :3], 2, 0) - wanted[:, 10:50, 20:70]).max() <= 0.51


def test_what_lies_elsewhere_or_nowhere_is_refused(tmp_path: Path) -> None:
    ground = write_map(tmp_path / "map.tif", SMALL)
    far = write_scene(tmp_path / "far.tif", SMALL[None], transform=UTM @ Affine.translation(500, 0))
    with pytest.raises(SceneMismatch, match="lies elsewhere"):
        view_of([ground, far])
    nowhere = write_scene(tmp_path / "nowhere.tif", SMALL[None, :50], crs=None)
    with pytest.raises(SceneMismatch, match="80 x 50 px where the map has 80 x 60"):
        view_of([ground, nowhere])
    with pytest.raises(OutputError, match="holds no results"):
        view_of([tmp_path])


def test_a_legend_that_makes_no_sense_does_no_harm(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif", SMALL)
    with rasterio.open(path, "r+") as file:
        odd = [(0, "<script>", "red;} body{"), (1, "b", "#zzzzzz"), (300, "c", "#010203"), (-1, "d", "#010203")]
        file.update_tags(CLASSES=json.dumps([{"value": v, "name": n, "colour": c} for v, n, c in odd]))
    (layer,) = view_of([path]).layers
    assert [(c.value, c.colour) for c in layer.legend] == [(0, "#888888"), (1, "#888888")]
    assert areas(layer, PixelBox(0, 0, 60, 80))["classes"][0]["pixels"] == (SMALL == 0).sum()


def test_a_large_scene_without_overviews_is_seen_from_near(tmp_path: Path) -> None:
    profile = {"driver": "GTiff", "width": 60_000, "height": 60_000, "count": 1, "dtype": "uint8"}
    with rasterio.open(tmp_path / "bare.tif", "w", tiled=True, SPARSE_OK=True, transform=UTM, **profile):
        pass
    view = view_of([tmp_path / "bare.tif"])
    assert (view.grid.levels, view.layers[0].raster.coarsest) == (8, 4)
    assert view.notes == ("bare has no overviews and is seen only from near; gdaladdo bare.tif makes some",)


@pytest.mark.parametrize("suffix", ["parquet", "fgb"])
def test_polygons_of_every_format_are_the_same(results: Path, tmp_path: Path, suffix: str) -> None:
    grid, box = GridRaster(results / "classes.tif").grid, PixelBox(60, 60, 190, 240)
    frame = geopandas.read_file(results / "polygons.gpkg", engine="pyogrio")
    other = tmp_path / f"polygons.{suffix}"
    if suffix == "parquet":
        frame.to_parquet(other, write_covering_bbox=True)
    else:
        frame.to_file(other, engine="pyogrio")
    told = [polygons_in(p, grid, box)["features"] for p in (results / "polygons.gpkg", other)]
    same = [sorted(json.dumps(f["geometry"]) for f in features) for features in told]
    assert same[0] == same[1]
    assert polygons_in(other, grid, box, most=3) == {"type": "FeatureCollection", "features": [], "more": True}


def test_areas_in_degrees_are_true_ones_also_by_an_overview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = SMALL.repeat(8, 0).repeat(8, 1)
    degrees = Affine(1e-4, 0, 5.0, 0, -1e-4, 60.0)
    view = view_of([write_map(tmp_path / "map.tif", fields, crs="EPSG:4326", transform=degrees)])
    (layer,) = view.layers
    each = pixel_areas(view.grid.georef, *fields.shape)
    assert each is not None
    wanted = [(each[64:480, None] * (fields[64:480, 32:640] == c.value)).sum() / 1e4 for c in LEGEND]
    box = PixelBox(64, 32, 480, 640)
    told = areas(layer, box)
    assert told["exact"]
    assert [c["hectares"] for c in told["classes"]] == pytest.approx(wanted, rel=1e-6)
    monkeypatch.setattr("geoglm.apps.viewer.queries.COUNTED_PX", 20_000)  # fields of 8 px stay whole at a quarter
    fewer = areas(layer, box)
    assert not fewer["exact"]
    assert [c["hectares"] for c in fewer["classes"]] == pytest.approx(wanted, rel=1e-5)
    assert class_values(layer, box, (104, 152)).tolist() == fields[64:480:4, 32:640:4].tolist()
