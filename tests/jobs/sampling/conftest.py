"""A map with mistakes, what is really there, and the labelling of points."""

import json
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio

from tests.conftest import write_scene

LEGEND = json.dumps([{"value": k + 1, "name": n, "colour": "#336699"} for k, n in enumerate(("lake", "wood", "town"))])
NAMES = np.array(["lake", "wood", "town"])


@pytest.fixture
def truth() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.choice(3, (300, 200), p=[0.1, 0.6, 0.3])


@pytest.fixture
def class_map() -> Callable[[Path, np.ndarray], Path]:
    """Writes places in the legend, -1 for none, as a class raster."""

    def write(path: Path, classes: np.ndarray) -> Path:
        values = np.where(classes < 0, 0, classes + 1).astype(np.uint8)
        write_scene(path, values[None], nodata=0)
        with rasterio.open(path, "r+") as file:
            file.update_tags(CLASSES=LEGEND)
        return path

    return write


@pytest.fixture
def mapped(tmp_path: Path, truth: np.ndarray, class_map: Callable[[Path, np.ndarray], Path]) -> Path:
    rng = np.random.default_rng(4)
    found = np.where(rng.random(truth.shape) < 0.85, truth, rng.integers(0, 3, truth.shape))
    found[:20] = -1
    return class_map(tmp_path / "classes.tif", found)


@pytest.fixture
def labelled(truth: np.ndarray) -> Callable[[Path], Path]:
    """Fills in what is really there, as a person would in QGIS."""

    def fill(path: Path) -> Path:
        frame = geopandas.read_file(path, layer="sample")
        frame["reference"] = NAMES[truth[frame["row"], frame["col"]]]
        frame.to_file(path, layer="sample", driver="GPKG")
        return path

    return fill
