"""STAC items, judged by pystac, and footprints by the slow obvious way."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pystac
import pystac.validation
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.projection import ProjectionExtension
from shapely.geometry import Point, shape

from geoglm.io.cog import array_blocks, classes_layer, write_cog
from geoglm.io.items import footprint, stac_item
from geoglm.types import GeoRef, LandClass

LEGEND = (LandClass(0, "water", "#0000ff"), LandClass(3, "trees & shrubs", "#00ff00"))
MANIFEST = {
    "made": "2026-11-25T12:00:00+00:00",
    "geoglm": "1.0",
    "command": ["geoglm", "segment"],
    "model": {"name": "m", "version": "2"},
    "files": {"classes.tif": {"bytes": 10, "sha256": "ab" * 32}},
}


def written(folder: Path, georef: GeoRef) -> dict[str, object]:
    codes = np.zeros((40, 60), np.uint8)
    write_cog(
        folder / "classes.tif", codes.shape, georef, classes_layer(LEGEND), array_blocks(codes, "mode"), workers=1
    )
    return stac_item(folder, MANIFEST, name="place", days=[date(2026, 5, 1)])


def test_pystac_takes_it_and_reads_what_was_meant(tmp_path: Path) -> None:
    georef = GeoRef(Affine(10, 0, 500000, 0, -10, 5800000), CRS.from_epsg(32631).to_wkt())
    found = json.loads(json.dumps(written(tmp_path, georef)))
    core = {**found, "stac_extensions": []}  # the schemas of extensions are not at hand without a network
    pystac.validation.validate_dict(core)
    item = pystac.Item.from_dict(found)
    assert (item.datetime.year, item.datetime.month) == (2026, 5)  # type: ignore[union-attr]
    proj = ProjectionExtension.ext(item)
    assert (proj.epsg, proj.shape, proj.transform) == (32631, [40, 60], [10, 0, 500000, 0, -10, 5800000])
    asset = item.assets["classes"]
    (band,) = asset.to_dict()["bands"]
    assert (band["data_type"], band["nodata"]) == ("uint8", 255)
    named = [(c["value"], c["name"], c["color_hint"]) for c in band["classification:classes"]]
    assert named == [(0, "water", "0000FF"), (3, "trees___shrubs", "00FF00")]
    assert ClassificationExtension.has_extension(item)
    assert asset.extra_fields["file:checksum"] == "1220" + "ab" * 32


def test_a_map_without_georeferencing_has_an_item_too(tmp_path: Path) -> None:
    found = written(tmp_path, GeoRef())
    pystac.validation.validate_dict({**found, "stac_extensions": []})
    assert (found["geometry"], "bbox" in found) == (None, False)


@given(west=st.floats(-180, 179), south=st.floats(-80, 70), width=st.integers(1, 90), height=st.integers(1, 90))
@settings(deadline=None, max_examples=50)
def test_every_pixel_lies_in_the_footprint_across_the_antimeridian_too(
    west: float, south: float, width: int, height: int
) -> None:
    georef = GeoRef(Affine(0.1, 0, west, 0, -0.1, south + 0.1 * height), "EPSG:4326")
    geometry, box = footprint(georef, height, width)
    assert geometry is not None
    assert box is not None
    outline = shape(geometry)
    assert outline.is_valid
    assert outline.area == pytest.approx(0.01 * width * height, rel=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(5):
        lon = west + 0.1 * rng.uniform(0, width)
        lat = south + 0.1 * rng.uniform(0, height)
        lon = (lon + 180) % 360 - 180
        assert outline.distance(Point(lon, lat)) < 1e-6
        assert box[1] - 1e-6 <= lat <= box[3] + 1e-6
        across = box[0] > box[2]
        inside = lon >= box[0] - 1e-6 or lon <= box[2] + 1e-6 if across else box[0] - 1e-6 <= lon <= box[2] + 1e-6
        assert inside
