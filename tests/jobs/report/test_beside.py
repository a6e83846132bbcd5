"""What every run leaves beside its maps: an item that pystac takes, and the page."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pystac
import pystac.validation
import pytest

import geoglm
from geoglm.io.cog import array_blocks, classes_layer, write_cog
from geoglm.jobs.report.make import report_page
from geoglm.options import SegmentOptions
from geoglm.types import GeoRef, LandClass
from tests.conftest import SAMPLES, write_scene

LEGEND = tuple(LandClass(k, name, "#112233") for k, name in enumerate(("water", "forest", "road")))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("neon") / "results"
    return geoglm.segment_file(SAMPLES / "neon-forest.tif", folder, SegmentOptions(vectors="none")).folder


def item_in(folder: Path) -> pystac.Item:
    """The item, valid, every asset of it there as it says."""
    found = json.loads((folder / "item.json").read_text())
    pystac.validation.validate_dict({**found, "stac_extensions": []})  # the others' schemas are not at hand
    item = pystac.Item.from_dict(found)
    for asset in item.assets.values():
        content = (folder / asset.href).read_bytes()
        if "file:size" in asset.extra_fields:
            assert asset.extra_fields["file:size"] == len(content)
            assert asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
    return item


def maps_of(folder: Path, days: list[str]) -> list[Path]:
    """A map of classes for every day, each with a class that wanders."""
    paths = []
    for k, day in enumerate(days):
        codes = np.zeros((60, 80), np.uint8)
        codes[:, 20 * k : 20 * k + 20] = 1
        paths.append(folder / f"map-{day}.tif")
        write_cog(paths[-1], codes.shape, GeoRef(), classes_layer(LEGEND), array_blocks(codes, "mode"), workers=1)
    return paths


def test_a_segmentation_has_both_and_the_page_is_the_one_that_report_would_write(results: Path) -> None:
    item = item_in(results)
    assert item.id == "neon-forest-geoglm"
    assert set(item.assets) == {"classes", "confidence", "quicklook.png", "report.html", "summary.json"}
    assert item.common_metadata.gsd == pytest.approx(0.1)
    assert report_page(results) == (results / "report.html").read_text()


def test_a_page_made_again_belongs_to_the_results(results: Path) -> None:
    (results / "report.html").unlink()
    path = geoglm.report(results)
    manifest = json.loads((results / "manifest.json").read_text())
    assert manifest["files"]["report.html"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sorted(manifest["outputs"]) == sorted(p.name for p in results.iterdir())


def test_without_a_page_it_can_be_made_later_and_a_later_run_takes_it_away(tmp_path: Path) -> None:
    paths = maps_of(tmp_path, ["2019-07-01", "2020-07-01"])
    for _ in range(2):
        made = geoglm.change(*paths, tmp_path / "out", vectors="none", report=False)
        assert not (made.folder / "report.html").exists()
        geoglm.report(made.folder)


def test_change_and_series_have_both_and_tell_from_when_to_when(tmp_path: Path) -> None:
    paths = maps_of(tmp_path, ["2018-07-01", "2019-07-01", "2020-07-01"])
    series = geoglm.series(paths, tmp_path / "series")
    item = item_in(series.folder)
    assert (item.datetime, item.common_metadata.end_datetime.year) == (None, 2020)  # type: ignore[union-attr]
    assert {"first-change", "classes-2019-07-01", "areas", "report.html"} <= set(item.assets)
    change = geoglm.change(*paths[:2], tmp_path / "change", vectors="none")
    item = item_in(change.folder)
    assert item.id == "map-2018-07-01-to-map-2019-07-01-change"
    assert {"change", "probability", "transitions", "report.html"} <= set(item.assets)


def test_the_page_stays_below_three_megabytes_whatever_it_shows(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 1000, 1000)).astype(np.uint8)
    scene = write_scene(tmp_path / "noise.tif", noise)
    options = SegmentOptions("aerial-landcover", vectors="none", doubts=("entropy", "margin"))
    folder = geoglm.segment_file(scene, tmp_path / "out", options).folder
    for name in ("confidence", "entropy", "margin", "classes"):
        codes = noise[0] % (5 if name == "classes" else 101)
        write_cog(
            folder / f"{name}.tif", codes.shape, GeoRef(), classes_layer(LEGEND), array_blocks(codes, "mode"), workers=1
        )
    assert 1_500_000 < geoglm.report(folder).stat().st_size < 3_000_000
