"""Two scenes on one grid: parts, other resolutions, other CRS, shifts."""

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform_bounds
from scipy.ndimage import fourier_shift, gaussian_filter

from geoglm.errors import SceneMismatch
from geoglm.io.change.scene_pair import ScenePair
from geoglm.io.geotiff import RasterFile
from geoglm.io.memory import ArrayScene
from geoglm.io.regrid import Part, Regridded
from geoglm.io.source import Source
from geoglm.stats.shift import Shift
from geoglm.types import GeoRef, PixelBox
from tests.conftest import UTM, write_scene

WKT = CRS.from_epsg(32633).to_wkt()


def ground(height: int, width: int, *, step: float = 1.0, offset: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Smooth ground of two bands, sampled at pixel centres of any grid; `step` and `offset` in px of the finest."""
    rows = (np.arange(height)[:, None] + 0.5) * step + offset[0]
    cols = (np.arange(width)[None] + 0.5) * step + offset[1]
    one = 1000 + 300 * np.sin(rows / 7) * np.cos(cols / 9)
    two = 1000 + 200 * np.cos(rows / 11 + cols / 13)
    return np.stack([one, two])


def scene(pixels: np.ndarray, transform: Affine | None = UTM, wkt: str | None = WKT, **more: object) -> ArrayScene:
    gsd = None if transform is None else abs(transform.a)
    return ArrayScene(pixels, georef=GeoRef(transform, wkt), gsd=gsd, **more)


def whole(source: Source) -> tuple[np.ndarray, np.ndarray]:
    return source.read(source.meta.box, range(len(source.meta.bands)))


def test_grids_that_lie_whole_pixels_apart_are_not_resampled() -> None:
    before = scene(ground(60, 80))
    after = scene(ground(60, 80, offset=(10, -5)), UTM @ Affine.translation(-5, 10))
    pair = ScenePair.of(before, after)
    assert pair.resampled == ""
    assert pair.before.meta.box.shape == pair.after.meta.box.shape == (50, 75)
    assert pair.before.meta.georef == pair.after.meta.georef
    assert np.allclose(whole(pair.before)[0], whole(pair.after)[0], atol=1e-9)
    assert pair.overlap == pytest.approx((50 * 75 / 4800,) * 2)
    assert pair.before.preview([0], side_px=10)[0].shape == (1, 7, 10)


def test_the_coarser_grid_is_taken_and_only_the_overlap() -> None:
    before = scene(ground(120, 160).astype(np.uint16))
    coarse = UTM @ Affine.translation(31, 20) @ Affine.scale(2)
    after = scene(ground(60, 80, step=2, offset=(20, 31)).astype(np.uint16), coarse)
    for pair, made in ((ScenePair.of(before, after), "before"), (ScenePair.of(after, before), "after")):
        assert pair.resampled == made
        assert pair.before.meta.gsd == 1.0
        assert pair.before.meta.box.shape == (50, 65)
        assert pair.before.meta.dtype == "uint16"
        (a, there), (b, _) = whole(pair.before), whole(pair.after)
        inner = np.s_[:, 4:-4, 4:-4]
        assert there[inner[1:]].all()
        assert np.abs(a[inner].astype(float) - b[inner]).max() < 8
        assert "differ in resolution" in pair.notes[0]


def test_another_crs_is_brought_over(tmp_path: Path) -> None:
    """What was warped to degrees and is brought back is what it was, within what two resamplings cost."""
    import rasterio
    from rasterio.warp import Resampling, reproject

    before = scene(ground(200, 200).astype(np.float32))
    west, _, east, north = transform_bounds(32633, 4326, 400_000, 4_999_900, 400_100, 5_000_000)
    step = (east - west) / 200
    degrees = Affine(step, 0, west - 20 * step, 0, -step, north + 20 * step)
    pixels = np.full((2, 240, 240), -9999, np.float32)
    reproject(before.pixels, pixels, src_transform=UTM, src_crs=WKT, dst_transform=degrees, dst_crs="EPSG:4326",
              resampling=Resampling.lanczos, dst_nodata=-9999)  # fmt: skip
    path = write_scene(tmp_path / "degrees.tif", pixels, crs="EPSG:4326", transform=degrees, nodata=-9999)
    pair = ScenePair.of(before, RasterFile(path))
    assert "differ in CRS" in pair.notes[0]
    grid = pair.before.meta
    assert (
        rasterio.crs.CRS.from_wkt(grid.georef.crs) == pair.after.meta.georef.crs
        or grid.georef == pair.after.meta.georef
    )
    (a, _), (b, there) = whole(pair.before), whole(pair.after)
    assert there.mean() > 0.6
    inner = gaussian_filter(there.astype(float), 4) > 0.999
    assert np.abs(a - b)[:, inner].max() < 6


@pytest.mark.parametrize("step", [0.5, 1.0, 3.0])
def test_a_block_of_a_regridded_scene_is_that_of_the_whole(step: float) -> None:
    rng = np.random.default_rng(0)
    source = scene(rng.random((1, 90, 110)).astype(np.float32), mask=rng.random((90, 110)) > 0.02)
    target = GeoRef(UTM @ Affine.translation(3.3, 4.4) @ Affine.scale(step), WKT)
    shape = (int(60 / step), int(80 / step))
    made = Regridded(source, target, shape, gsd=step)
    full, there = whole(made)
    for box in made.meta.box.blocks(17):
        pixels, valid = made.read(box, [0])
        place = box.within(made.meta.box)
        assert np.array_equal(valid, there[place])
        assert pixels == pytest.approx(full[:, *place], abs=1e-5)
    outside = Regridded(source, GeoRef(UTM @ Affine.translation(5000, 0), WKT), (5, 5), gsd=1)
    assert not whole(outside)[1].any()


@pytest.mark.parametrize("placed", [True, False])
def test_a_shift_is_taken_back(placed: bool) -> None:
    rng = np.random.default_rng(0)
    smooth = gaussian_filter(rng.normal(size=(1, 128, 128)), (0, 2, 2), mode="wrap") * 500
    moved = np.stack([np.fft.ifft2(fourier_shift(np.fft.fft2(b), (0.4, -1.3))).real for b in smooth])
    place = (UTM, WKT) if placed else (None, None)
    pair = ScenePair.of(scene(smooth, *place), scene(moved, *place))
    back = pair.coregistered(Shift(0.4, -1.3, 0.0, 1))
    assert back.resampled == "after"
    assert back.after.meta.georef == pair.before.meta.georef
    inner = np.s_[:, 6:-6, 6:-6]
    assert np.abs(whole(back.after)[0] - smooth)[inner].max() < 0.03 * np.abs(smooth - moved)[inner].max()
    finer = scene(ground(64, 64, step=2), UTM @ Affine.scale(2)) if placed else None
    if finer is not None:
        swapped = ScenePair.of(pair.before, finer).coregistered(Shift(0.0, 0.5, 0.0, 1))
        assert swapped.resampled == "before"


def test_what_cannot_be_a_pair_is_refused_in_a_line() -> None:
    before = scene(ground(20, 20))
    for far in (UTM @ Affine.translation(20, 0), UTM @ Affine.translation(0, -300)):
        with pytest.raises(SceneMismatch, match="do not overlap; two dates of one place"):
            ScenePair.of(before, scene(ground(20, 20), far))
    with pytest.raises(SceneMismatch, match="20 x 20 px and scene 30 x 20, and not both say where"):
        ScenePair.of(before, scene(ground(20, 30), None, None))
    bare = ScenePair.of(before, scene(ground(20, 20), None, None))
    assert "pixel to pixel" in bare.notes[0]


def test_a_part_keeps_its_place() -> None:
    part = Part(scene(ground(20, 30)), PixelBox(4, 6, 14, 26))
    assert part.meta.georef.transform == UTM @ Affine.translation(6, 4)
    assert np.array_equal(part.read(PixelBox(1, 2, 5, 6), [1])[0], ground(20, 30)[1:, 5:9, 8:12])
