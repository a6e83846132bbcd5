"""The shipped Sentinel-2 package: found by itself, on either offset, and what its card says."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoglm.errors import SceneMismatch
from geoglm.io.geotiff import RasterFile
from geoglm.jobs.segment import segment_file
from geoglm.options import SegmentOptions
from geoglm.registry.catalog import choose, find
from geoglm.registry.match import shown_bands
from geoglm.types import GeoRef, SceneMeta
from tests.conftest import SAMPLES, write_scene

BRANDENBURG = SAMPLES / "brandenburg-sentinel2.tif"


def meta(*bands: str, gsd: float | None = 10.0) -> SceneMeta:
    return SceneMeta("scene", 10, 10, "uint16", bands, (None,) * len(bands), gsd, GeoRef())


def test_it_is_taken_for_nine_bands_at_ten_metres_and_for_nothing_less() -> None:
    assert choose(RasterFile(BRANDENBURG).meta).package.card.name == "sentinel2-landcover"
    assert choose(meta(*[""] * 12, gsd=20)).package.card.name == "sentinel2-landcover"
    assert choose(meta("red", "green", "blue", "nir", gsd=0.6)).package.card.name == "aerial-landcover"
    with pytest.raises(SceneMismatch, match="sentinel2-landcover needs 9 bands"):
        choose(meta("red", "green", "blue", "nir"))


def test_its_card_says_where_it_comes_from_and_how_well_it_does() -> None:
    package = find("sentinel2-landcover")
    card = package.card
    assert "Dynamic World" in card.data["attribution"]
    assert "modified Copernicus Sentinel data" in card.data["attribution"]
    assert card.reflectance
    assert card.tileable
    assert card.halo <= 64
    assert shown_bands(card.bands) == (2, 1, 0)
    assert len(card.metrics["by_place"]) >= 6
    assert set(card.metrics["iou"]) == {c.name for c in card.classes}
    assert card.temperature != 1
    assert (package.folder / "model.safetensors").stat().st_size < 4 * 2**20


def test_the_sample_gives_the_same_map_with_the_offset_of_newer_products(tmp_path: Path) -> None:
    with rasterio.open(BRANDENBURG) as file:
        pixels, profile = file.read(), file.profile
        names = file.descriptions
    newer = write_scene(
        tmp_path / "newer.tif", pixels + np.uint16(1000), crs=profile["crs"], transform=profile["transform"]
    )
    with rasterio.open(newer, "r+") as file:
        file.descriptions = names
    maps = []
    for path in (BRANDENBURG, newer):
        out = tmp_path / f"out-{path.stem}"
        result = segment_file(path, out, SegmentOptions(vectors="none", precision="f32"))
        assert "pixel value" in " ".join(result.notes)
        with rasterio.open(out / "classes.tif") as file:
            maps.append(file.read(1))
    assert (maps[0] == maps[1]).mean() > 0.999
    shares = np.bincount(maps[0].ravel(), minlength=9) / maps[0].size
    assert shares[0] == pytest.approx(0.12, abs=0.06)  # water, by the teacher
