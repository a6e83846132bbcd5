"""Tiny scenes and packages that every test can make."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.registry.package import ModelPackage, write_package

hypothesis.settings.register_profile("geoglm", deadline=None)
hypothesis.settings.load_profile("geoglm")

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "data-samples"
UTM = Affine(0.5, 0.0, 400_000.0, 0.0, -0.5, 5_000_000.0)


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Converted networks are kept for the session, away from the user's own."""
    os.environ["GEOGLM_CACHE"] = str(tmp_path_factory.mktemp("cache"))


def card_for(spec: SegmenterSpec, **changes: Any) -> dict[str, Any]:
    """A complete card; full scale is 256 or 65536, so that scaled pixels are exact in binary."""
    colours = ("d03030", "d0c090", "808080", "30a030", "3060d0", "c0c0c0")
    scaling = [{"type": "z-score", "mean": 0.5, "stddev": 0.5}] * spec.bands
    card = {
        "mlm:name": "test-model",
        "version": "1",
        "description": "made for a test",
        "mlm:input": [
            {"name": "image", "bands": [f"band {k}" for k in range(1, spec.bands + 1)], "value_scaling": scaling}
        ],
        "mlm:output": [
            {
                "classification:classes": [
                    {"value": k, "name": f"kind {k}", "color_hint": colours[k]} for k in range(spec.classes)
                ]
            }
        ],
        "geoglm:network": spec.as_dict(),
        "geoglm:gsd_range": None,
        "geoglm:full_scale": {"uint8": 256, "uint16": 65536, "int16": 32768, "float32": 1.0},
        "geoglm:tiling": {"stride": 1, "tileable": True, "halo": 0, "exact_halo": 0},
        "geoglm:metrics": {},
    }
    return card | changes


def pointwise(folder: Path, *, bands: int = 3, classes: int = 5, seed: int = 0, **changes: Any) -> ModelPackage:
    """A 1×1-convolution model whose arithmetic is exact: its weights are small whole numbers."""
    spec = SegmenterSpec(encoder="pointwise", bands=bands, classes=classes)
    return write_package(folder, in_whole_numbers(build_segmenter(spec), seed), card_for(spec, **changes))


def in_whole_numbers(network: torch.nn.Module, seed: int) -> torch.nn.Module:
    """`network` with small whole numbers for weights, so that its arithmetic is exact."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            whole = rng.integers(-8, 9, tuple(parameter.shape)).astype(np.float32)
            parameter.copy_(torch.from_numpy(whole))
    return network


def write_scene(path: Path, pixels: np.ndarray, **profile: Any) -> Path:
    """A ``(band, y, x)`` array as a GeoTIFF."""
    count, height, width = pixels.shape
    settings = {
        "driver": "GTiff",
        "count": count,
        "height": height,
        "width": width,
        "dtype": pixels.dtype,
        "crs": "EPSG:32633",
        "transform": UTM,
    } | profile
    with rasterio.open(path, "w", **{k: v for k, v in settings.items() if v is not None}) as target:
        target.write(pixels)
    return path


def add_control_points(path: Path) -> Path:
    """Give a file four ground control points."""
    points = [GroundControlPoint(r, c, 10 + c, 50 - r) for r, c in ((0, 0), (0, 49), (39, 0), (39, 49))]
    with rasterio.open(path, "r+") as file:
        file.gcps = (points, CRS.from_epsg(4326))
    return path


@pytest.fixture
def make_scene(tmp_path: Path) -> Callable[..., Path]:
    """Write a scene of random pixels: `make_scene(shape=(3, 40, 50), dtype="uint8", **profile)`."""

    def make(shape: tuple[int, int, int] = (3, 40, 50), dtype: str = "uint8", seed: int = 0, **profile: Any) -> Path:
        rng = np.random.default_rng(seed)
        top = {"uint8": 255, "uint16": 10_000, "int16": 10_000}.get(dtype, 1)
        pixels = (rng.random(shape) * top).astype(dtype)
        return write_scene(tmp_path / "scene.tif", pixels, **profile)

    return make


@pytest.fixture
def oracle(tmp_path: Path) -> ModelPackage:
    """A three-band pointwise package."""
    return pointwise(tmp_path / "oracle")
