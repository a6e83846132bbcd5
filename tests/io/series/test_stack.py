"""Many scenes on one grid: what they have in common, in the pixels of the coarsest."""

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from rasterio.enums import Resampling

from geoglm.errors import SceneMismatch
from geoglm.io.geotiff import RasterFile
from geoglm.io.series.stack import Stack
from tests.conftest import UTM, write_scene

GROUND = np.random.default_rng(0).integers(0, 200, (1, 60, 80)).astype(np.uint8)


def part(folder: Path, name: str, rows: slice, cols: slice, **profile: object) -> RasterFile:
    place = {"transform": UTM @ Affine.translation(cols.start, rows.start)} | profile
    return RasterFile(write_scene(folder / f"{name}.tif", np.ascontiguousarray(GROUND[:, rows, cols]), **place))


def test_whole_pixels_apart_nothing_is_resampled_and_the_overlap_is_taken(tmp_path: Path) -> None:
    scenes = [
        part(tmp_path, "a", slice(0, 50), slice(0, 60)),
        part(tmp_path, "b", slice(10, 60), slice(5, 80)),
        part(tmp_path, "c", slice(3, 58), slice(20, 70)),
    ]
    stack = Stack.of(scenes)
    assert stack.grid.box.shape == (40, 40)
    assert not any(stack.resampled)
    for scene in scenes:
        pixels, valid = stack.align(scene, kernel=Resampling.nearest).read(stack.grid.box, (0,))
        assert np.array_equal(pixels, GROUND[:, 10:50, 20:60])
        assert valid.all()


def test_the_coarsest_grid_is_taken_whichever_comes_first(tmp_path: Path) -> None:
    fine, coarse = part(tmp_path, "fine", slice(0, 60), slice(0, 80)), tmp_path / "coarse.tif"
    write_scene(coarse, np.full((1, 30, 40), 7, np.uint8), transform=UTM @ Affine.scale(2))
    stack = Stack.of([fine, RasterFile(coarse), fine])
    assert stack.grid.box.shape == (30, 40)
    assert stack.onto == 1
    assert stack.resampled == (True, False, True)
    assert "pixels of coarse" in stack.notes[0]
    pixels, valid = stack.align(fine, kernel=Resampling.bilinear).read(stack.grid.box, (0,))
    assert valid.all()
    inner = GROUND[0].reshape(30, 2, 40, 2).mean(axis=(1, 3))[2:-2, 2:-2]
    assert np.corrcoef(pixels[0, 2:-2, 2:-2].ravel(), inner.ravel())[0, 1] > 0.8


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_without_a_place_scenes_of_one_size_are_taken_pixel_to_pixel(tmp_path: Path) -> None:
    bare = part(tmp_path, "bare", slice(0, 60), slice(0, 80), transform=None, crs=None)
    placed = part(tmp_path, "placed", slice(0, 60), slice(0, 80))
    stack = Stack.of([bare, placed, bare])
    assert stack.grid.georef == placed.meta.georef
    assert "pixel to pixel" in stack.notes[0]
    assert stack.align(bare, kernel=Resampling.nearest) is bare
    with pytest.raises(SceneMismatch, match="cut them to the same size"):
        Stack.of([bare, placed, part(tmp_path, "less", slice(0, 60), slice(0, 70), transform=None, crs=None)])


def test_scenes_that_do_not_all_meet_are_refused(tmp_path: Path) -> None:
    scenes = [part(tmp_path, n, slice(0, 60), slice(*c)) for n, c in (("a", (0, 40)), ("b", (20, 80)), ("c", (50, 80)))]
    with pytest.raises(SceneMismatch, match="do not overlap"):
        Stack.of(scenes)
    with pytest.raises(SceneMismatch, match="c does not overlap what the other scenes have in common"):
        Stack.of([scenes[1], scenes[0], scenes[2]])
