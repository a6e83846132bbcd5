"""The main job on the shipped samples, as a user runs it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from rasterio.features import rasterize
from rio_cogeo.cogeo import cog_validate

import geoglm
from geoglm.errors import AreaOfInterestError, OutputError, SceneMismatch
from geoglm.jobs.segment import SegmentResult, segment_file
from geoglm.options import HaloRule, PatchRule, SegmentOptions
from tests.conftest import SAMPLES, write_scene

DUTCH = SAMPLES / "dutch-river.tif"
ASKED = {
    "dutch-river": SegmentOptions(),
    "neon-forest": SegmentOptions(vectors="parquet", probabilities=True),
    "brandenburg-sentinel2": SegmentOptions("aerial-landcover", scale="auto", vectors="fgb"),
}


@pytest.fixture(scope="module", params=sorted(ASKED))
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SegmentResult:
    folder = tmp_path_factory.mktemp(request.param) / "out"
    return segment_file(SAMPLES / f"{request.param}.tif", folder, ASKED[request.param])


def scene_of(result: SegmentResult) -> Path:
    plan = json.loads((result.folder / "manifest.json").read_text())
    return Path(plan["scene"]["path"])


def test_the_maps_are_valid_cogs_exactly_in_place(sample: SegmentResult) -> None:
    with rasterio.open(scene_of(sample)) as scene:
        for name in sorted(p.name for p in sample.folder.glob("*.tif")):
            assert cog_validate(sample.folder / name, strict=True) == (True, [], [])
            with rasterio.open(sample.folder / name) as made:
                assert made.transform == scene.transform
                assert made.crs == scene.crs
                assert made.bounds == scene.bounds
                assert made.nodata == 255


def test_all_is_there_and_said_in_the_manifest(sample: SegmentResult) -> None:
    manifest = json.loads((sample.folder / "manifest.json").read_text())
    assert sorted(manifest["outputs"]) == sorted(p.name for p in sample.folder.iterdir())
    stems = {Path(n).stem for n in manifest["outputs"]}
    assert stems >= {"classes", "confidence", "polygons", "quicklook", "summary", "manifest"}
    assert len(manifest["scene"]["sha256"]) == 64
    summary = json.loads((sample.folder / "summary.json").read_text())
    assert sum(c["pixels"] for c in summary["classes"]) == summary["valid_pixels"]


def test_polygons_have_the_areas_of_the_raster_within_the_valid_pixels(sample: SegmentResult) -> None:
    (path,) = (p for p in sample.folder.glob("polygons.*") if p.suffix not in (".qml", ".sld"))
    frame = geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)
    with rasterio.open(sample.folder / "classes.tif") as raster:
        classes, transform, crs = raster.read(1), raster.transform, raster.crs
    assert frame.crs == crs
    assert shapely.is_valid(frame.geometry.values).all()
    pixel = abs(transform.determinant)
    for c in sample.classes:
        mine = frame[frame.class_id == c.value]
        assert mine.geometry.area.sum() == pytest.approx((classes == c.value).sum() * pixel, rel=1e-3, abs=1e-6)
        assert mine.area_m2.sum() == pytest.approx((c.hectares or 0) * 1e4, rel=1e-3, abs=1e-6)
        assert set(mine.class_name) <= {c.name}
    rows, cols = np.nonzero(classes != 255)
    corners = [transform @ (cols.min(), rows.min()), transform @ (cols.max() + 1, rows.max() + 1)]
    bounds = [corners[0][0], corners[1][1], corners[1][0], corners[0][1]]
    assert np.abs(frame.total_bounds - bounds).max() <= transform.a
    assert frame.mean_confidence.between(0, 1).all()


def test_polygons_are_not_cut_at_shards(tmp_path: Path) -> None:
    frames = []
    for shard in (200, 5000):
        options = SegmentOptions(shard_px=shard, patch=PatchRule("fixed", 448))
        segment_file(DUTCH, tmp_path / str(shard), options)
        frames.append(geopandas.read_file(tmp_path / str(shard) / "polygons.gpkg"))
    assert frames[0].equals(frames[1])


def test_no_pixel_without_data_is_classified(tmp_path: Path) -> None:
    with rasterio.open(SAMPLES / "neon-forest.tif") as scene:
        pixels, profile = scene.read(), scene.profile
    pixels[:, 100:180, 40:300] = 255
    path = tmp_path / "holes.tif"
    with rasterio.open(path, "w", **profile) as target:
        target.write(pixels)
    result = segment_file(path, tmp_path / "out", SegmentOptions())
    with rasterio.open(tmp_path / "out" / "classes.tif") as made:
        assert ((made.read(1) == 255) == (pixels == 255).all(axis=0)).all()
    assert result.invalid_px == (pixels == 255).all(axis=0).sum()


def test_the_map_does_not_depend_on_shards_or_workers(tmp_path: Path) -> None:
    maps = []
    for workers, shard in ((1, 5000), (2, 300), (4, 450)):
        options = SegmentOptions(workers=workers, shard_px=shard, patch=PatchRule("fixed", 512), vectors="none")
        segment_file(DUTCH, tmp_path / str(workers), options)
        with rasterio.open(tmp_path / str(workers) / "classes.tif") as made:
            maps.append(made.read(1).tobytes())
        with rasterio.open(tmp_path / str(workers) / "confidence.tif") as made:
            maps[-1] += made.read(1).tobytes()
    assert maps[0] == maps[1] == maps[2]


def maps(scene: Path | xr.DataArray, **tiling: int | str) -> np.ndarray:
    result = geoglm.segment(scene, "aerial-landcover", precision="f32", memory="12GB", workers=1, **tiling)
    return np.asarray(result.classes.values)


@pytest.mark.parametrize("reduced", [True, False], ids=["at 0.5 m", "every pixel"])
def test_tiles_with_an_exact_halo_give_the_map_of_the_whole_image(*, reduced: bool) -> None:
    once = geoglm.open_scene(DUTCH)[:, :, 300:500].drop_vars(["x", "y"])
    strip = xr.concat([once, once, once], dim="y")[:, :2600]
    if not reduced:
        strip = strip.drop_vars("spatial_ref").drop_attrs()
    strip = strip.chunk({"band": -1, "y": 1300, "x": 200})
    patch = 2304 if reduced else 1152
    differ = maps(strip, patch=2624) != maps(strip, patch=patch, halo="exact")
    assert differ.mean() < 1e-5  # ties


def test_even_small_tiles_with_the_default_halo_give_nearly_the_map_of_the_whole_image() -> None:
    assert (maps(DUTCH, patch=1024) == maps(DUTCH, patch=768)).mean() >= 0.98


def test_min_area_merges_small_regions_in_raster_and_polygons_alike(tmp_path: Path) -> None:
    segment_file(DUTCH, tmp_path / "out", SegmentOptions(min_area=20.0))
    frame = geopandas.read_file(tmp_path / "out" / "polygons.gpkg")
    assert frame.area_m2.min() >= 20.0
    with rasterio.open(tmp_path / "out" / "classes.tif") as file:
        shapes = zip(frame.geometry, frame.class_id, strict=True)
        painted = rasterize(shapes, file.shape, fill=255, transform=file.transform, dtype="uint8")
        assert (painted == file.read(1)).all()


def test_an_area_of_interest_limits_the_map(tmp_path: Path) -> None:
    with rasterio.open(DUTCH) as scene:
        box = shapely.box(*scene.bounds).centroid.buffer(60)
        crs = scene.crs
    aoi = geopandas.GeoDataFrame(geometry=[box], crs=crs).to_crs(4326)
    aoi.to_file(tmp_path / "aoi.gpkg")
    result = segment_file(DUTCH, tmp_path / "out", SegmentOptions(aoi=tmp_path / "aoi.gpkg"))
    assert result.valid_px * 0.0625 == pytest.approx(box.area, rel=0.01)
    aoi.to_crs(crs).translate(1e5).to_file(tmp_path / "far.gpkg")
    with pytest.raises(AreaOfInterestError, match="does not meet the scene"):
        segment_file(DUTCH, tmp_path / "no", SegmentOptions(aoi=tmp_path / "far.gpkg"))
    assert not list(tmp_path.glob("*no*"))


def test_a_scene_no_model_fits_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "two.tif", np.ones((2, 20, 20), np.uint8))
    with pytest.raises(SceneMismatch, match="--model NAME"):
        segment_file(scene, str(tmp_path / "out"), SegmentOptions())
    with pytest.raises(OutputError, match="is a file"):
        segment_file(SAMPLES / "neon-forest.tif", str(scene), SegmentOptions())
    assert list(tmp_path.iterdir()) == [scene]


def test_a_run_killed_at_any_point_is_continued_with_the_same_result(tmp_path: Path) -> None:
    arguments = ["--patch", "448", "--shard", "200", "--workers", "2", "--quiet"]

    def start(output: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "geoglm", "segment", str(DUTCH), "-o", str(output), *arguments])

    began = time.monotonic()
    assert start(tmp_path / "calm").wait() == 0
    natural = time.monotonic() - began
    shaken, stage = tmp_path / "shaken", tmp_path / ".shaken.geoglm-part"
    for share in (0.35, 0.6, 0.75, 0.85):
        if shaken.exists():
            break
        run = start(shaken)
        time.sleep(natural * share)
        run.send_signal(signal.SIGKILL)
        run.wait()
        if not (shaken / "manifest.json").exists():
            assert not shaken.exists()
    finished = len(list(stage.glob("shards-*/*.zip")))
    if not shaken.exists():
        assert start(shaken).wait() == 0
        reused = json.loads((shaken / "summary.json").read_text())["shards_reused"]
        assert reused == finished
    for name in ("classes.tif", "confidence.tif"):
        assert (shaken / name).read_bytes() == (tmp_path / "calm" / name).read_bytes()
    frames = [geopandas.read_file(f / "polygons.gpkg") for f in (shaken, tmp_path / "calm")]
    assert frames[0].equals(frames[1])
    assert not stage.exists()


def test_a_scene_cut_short_while_it_is_read_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "scene.jp2"
    with rasterio.open(DUTCH) as scene:
        rasterio.shutil.copy(scene, path, driver="JP2OpenJPEG")
    os.truncate(path, path.stat().st_size // 2)
    run = subprocess.run(
        [sys.executable, "-m", "geoglm", "segment", str(path), "-o", str(tmp_path / "out"), "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:  # GDAL may fill what is missing in a JPEG 2000 with zeros
        assert run.returncode == 2
        assert run.stderr.count("\n") == 1
        assert [p.name for p in tmp_path.iterdir()] == ["scene.jp2"]


def test_control_points_and_missing_crs_do_not_stop_a_run(tmp_path: Path) -> None:
    path = tmp_path / "bare.tif"
    shutil.copy(DUTCH, path)
    with rasterio.open(path, "r+") as file:
        file.crs = rasterio.crs.CRS()
    result = segment_file(path, tmp_path / "out", SegmentOptions("aerial-landcover", halo=HaloRule("fixed", 64)))
    assert any("no CRS" in n for n in result.notes)
    assert all(c.hectares is None for c in result.classes)
    frame = geopandas.read_file(tmp_path / "out" / "polygons.gpkg")
    assert frame.area_px.sum() == 1_000_000
