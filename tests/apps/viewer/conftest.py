"""A folder of results on a small scene, made without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from shapely import box
from starlette.testclient import TestClient

from geoglm.apps.viewer.layers import View, view_of
from geoglm.apps.viewer.server import HOST, app
from geoglm.types import LandClass
from tests.conftest import UTM, write_scene

LEGEND = (LandClass(0, "water", "#3f7fd0"), LandClass(1, "land", "#d9c8a0"), LandClass(4, "<b>road</b>", "#7a7a7a"))
HEIGHT, WIDTH = 600, 1000


def write_map(path: Path, values: np.ndarray, **profile: object) -> Path:
    """``(y, x)`` classes with the legend, overviews and tags that our maps have."""
    write_scene(path, values[None], nodata=255, tiled=True, blockxsize=256, blockysize=256, **profile)
    with rasterio.open(path, "r+") as file:
        told = [{"value": c.value, "name": c.name, "colour": c.colour} for c in LEGEND]
        file.update_tags(CLASSES=json.dumps(told))
        file.build_overviews([2, 4], Resampling.nearest)
    return path


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scene, classes in fields of 50 x 50 px, confidence rising to the right, probabilities, and polygons."""
    folder = tmp_path_factory.mktemp("view") / "results"
    folder.mkdir()
    rng = np.random.default_rng(5)
    fields = rng.choice([0, 1, 4, 255], (HEIGHT // 50, WIDTH // 50), p=[0.4, 0.3, 0.25, 0.05]).astype(np.uint8)
    classes = fields.repeat(50, 0).repeat(50, 1)
    confidence = np.tile(np.linspace(0, 100, WIDTH).astype(np.uint8), (HEIGHT, 1))
    scene = write_scene(folder.parent / "scene.tif", rng.integers(0, 255, (3, HEIGHT, WIDTH)).astype(np.uint8))
    write_map(folder / "classes.tif", classes)
    write_scene(folder / "confidence.tif", confidence[None], nodata=255)
    write_scene(folder / "probabilities.tif", np.stack([confidence, 100 - confidence, 0 * confidence]), nodata=255)
    shapes = [
        box(*(UTM @ (50 * c, 50 * r + 50)), *(UTM @ (50 * c + 50, 50 * r)))
        for r, c in zip(*np.nonzero(fields != 255), strict=True)
    ]
    names = {c.value: c.name for c in LEGEND}
    values = fields[fields != 255]
    frame = geopandas.GeoDataFrame({"class_id": values, "class_name": [names[v] for v in values]}, geometry=shapes)
    frame.set_crs("EPSG:32633").to_file(folder / "polygons.gpkg", engine="pyogrio")
    manifest = {"scene": {"path": str(scene)}, "plan": {"bands": [1, 2, 3], "model": "aerial-landcover"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="session")
def view(results: Path) -> Iterator[View]:
    """What there is to see in it."""
    found = view_of([results])
    yield found
    found.close()


@pytest.fixture(scope="session")
def client(view: View) -> TestClient:
    """Asks the server as a browser of this machine would."""
    return TestClient(app(view), base_url=f"http://{HOST}:8000")
