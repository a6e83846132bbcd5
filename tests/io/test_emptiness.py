"""Emptiness, against reading every pixel."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from geoglm.io import emptiness
from geoglm.io.geotiff import RasterFile
from geoglm.types import PixelBox
from tests.conftest import UTM, write_scene

KINDS = ["nodata", "one band", "wide", "float", "alpha", "mask", "sparse", "nothing"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("emptiness")


def scene(folder: Path, kind: str, seed: int) -> RasterFile:
    rng, path = np.random.default_rng(seed), folder / f"{kind}-{seed}.tif"
    if path.exists():
        return RasterFile(path)
    dtype = {"wide": np.uint16, "float": np.float32}.get(kind, np.uint8)
    pixels = rng.integers(0, 2, (3, 200, 170)).astype(dtype)
    pixels[:, rng.integers(0, 150) :, :] = 0
    pixels[:, :, : rng.integers(0, 120)] = 0
    if kind == "one band":
        pixels[1:] = 0
    nodata = None if kind in ("alpha", "mask", "nothing") else 0
    tiling = {"tiled": True, "blockxsize": 32, "blockysize": 32}
    if kind == "alpha":
        pixels = np.concatenate([np.ones_like(pixels), (pixels[:1] > 0) * np.uint8(255)])
    if kind == "sparse":
        tiling |= {"sparse_ok": True, "interleave": "band"}
    write_scene(path, pixels, nodata=nodata, **tiling)
    if kind in ("alpha", "mask"):
        with rasterio.open(path, "r+") as file:
            if kind == "alpha":
                file.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
            else:
                file.write_mask(pixels[0] > 0)
    return RasterFile(path)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(seed=st.integers(0, 2), corners=st.tuples(*[st.integers(0, 199)] * 2, *[st.integers(0, 169)] * 2))
def test_a_box_is_empty_where_no_pixel_of_it_is_valid(
    folder: Path, kind: str, seed: int, corners: tuple[int, int, int, int]
) -> None:
    top, bottom, left, right = *sorted(corners[:2]), *sorted(corners[2:])
    box = PixelBox(top, left, bottom + 1, right + 1)
    source = scene(folder, kind, seed)
    assert source.has_data(box, [0, 1, 2]) == source.read(box, [0, 1, 2])[1].any()


def test_blocks_that_were_never_written_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.tif"
    profile = {"driver": "GTiff", "height": 4096, "width": 4096, "count": 3, "dtype": "uint8", "nodata": 0}
    with rasterio.open(path, "w", **profile, tiled=True, sparse_ok=True, transform=UTM) as target:
        target.write(np.full((3, 10, 10), 9, np.uint8), window=rasterio.windows.Window(3000, 3000, 10, 10))
    source, read = RasterFile(path), []
    plain = emptiness._window
    monkeypatch.setattr(emptiness, "_window", lambda box: read.append(box) or plain(box))
    assert not source.has_data(PixelBox(0, 0, 2048, 4096), [0, 1, 2])
    assert not read
    assert source.has_data(PixelBox(2048, 0, 4096, 4096), [0, 1, 2])
    assert read
