"""Two dates in, change out: what must be found, what must not, and what must not matter."""

import json
import warnings
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from rio_cogeo.cogeo import cog_validate
from scipy.ndimage import fourier_shift

import geoglm
from geoglm.apps.cli import main
from geoglm.errors import GeoglmError, OutputError, SceneMismatch
from geoglm.jobs.change.run import ChangeResult, change
from tests.conftest import SAMPLES, UTM, write_scene


@pytest.fixture(scope="module")
def wide() -> np.ndarray:
    """River, trees, bare ground and a car park: 3 × 320 × 320 px uint16, so that brighter is not cut off."""
    with rasterio.open(SAMPLES / "dutch-river.tif") as file:
        pixels: np.ndarray = file.read()[:, 500:820, 560:880].astype(np.uint16)
    return pixels


@pytest.fixture(scope="module")
def scene(wide: np.ndarray) -> np.ndarray:
    """Its middle, 3 × 256 × 256 px."""
    return cut(wide)


def cut(wide: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(wide[:, 32:-32, 32:-32])


def later(scene: np.ndarray, *, shift: float = 0.0, gain: float = 1.1, noise: float = 2.0, seed: int = 0) -> np.ndarray:
    """The same ground shifted right and up, brighter and noisy."""
    moved = np.stack([np.fft.ifft2(fourier_shift(np.fft.fft2(b), (-shift, shift))).real for b in scene])
    noisy = gain * moved + noise * np.random.default_rng(seed).normal(size=scene.shape)
    return np.rint(noisy).clip(0).astype(np.uint16)


def pasted(scene: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scene with water on land and a car park in the river, and where they are."""
    changed, truth = scene.copy(), np.zeros(scene.shape[1:], bool)
    for (row, col), (there, across) in (((130, 130), (0, 10)), ((60, 180), (0, 10)), ((0, 10), (214, 20))):
        changed[:, row : row + 40, col : col + 40] = scene[:, there : there + 40, across : across + 40]
        truth[row : row + 40, col : col + 40] = True
    return changed, truth


def judged(result: ChangeResult) -> np.ndarray:
    with rasterio.open(result.folder / "change.tif") as file:
        made: np.ndarray = file.read(1)
    return made


def run(folder: Path, before: np.ndarray, after: np.ndarray, **choices: object) -> ChangeResult:
    """Of two arrays in files; ``there`` is the profile of the second."""
    there = choices.pop("there", {})
    paths = write_scene(folder / "before.tif", before), write_scene(folder / "after.tif", after, **there)
    return change(*paths, folder / "out", **{"vectors": "none"} | choices)


def test_pasted_ground_is_found_and_nothing_else(tmp_path: Path, scene: np.ndarray) -> None:
    changed, truth = pasted(scene)
    result = run(tmp_path, scene, later(changed), vectors="gpkg")
    found = judged(result) == 1
    assert (found & truth).sum() / truth.sum() >= 0.95
    assert (found & truth).sum() / found.sum() >= 0.95
    assert result.changed_share == pytest.approx(found.mean(), abs=1e-6)
    summary = json.loads((result.folder / "summary.json").read_text())
    assert summary["change"]["changed"] == pytest.approx(found.sum() * 0.25 / 1e4, abs=1e-6)
    frame = geopandas.read_file(result.folder / "polygons.gpkg")
    assert frame.pixels.sum() == found.sum()
    assert frame.area_m2.sum() == pytest.approx(found.sum() * 0.25)
    assert set(frame.class_name) == {"change"}
    assert frame.mean_probability.between(0.5, 1).all()


def test_all_outputs_are_there_and_whole(tmp_path: Path, scene: np.ndarray) -> None:
    result = run(tmp_path, scene, later(pasted(scene)[0]), vectors="parquet")
    manifest = json.loads((result.folder / "manifest.json").read_text())
    assert sorted(manifest["outputs"]) == sorted(p.name for p in result.folder.iterdir())
    stems = {Path(n).stem for n in manifest["outputs"]}
    assert stems == {
        "change",
        "change.tif.aux",
        "item",
        "manifest",
        "polygons",
        "probability",
        "quicklook",
        "report",
        "summary",
    }
    assert len(manifest["before"]["sha256"]) == len(manifest["after"]["sha256"]) == 64
    for name in ("change", "probability"):
        assert cog_validate(result.folder / f"{name}.tif", strict=True) == (True, [], [])
        with rasterio.open(result.folder / f"{name}.tif") as file:
            assert file.transform == UTM
            assert file.nodata == 255
    with rasterio.open(result.folder / "probability.tif") as file:
        assert np.array_equal(file.read(1) >= 50, judged(result) == 1)


def test_a_scene_against_itself_has_no_change_at_all(tmp_path: Path, scene: np.ndarray) -> None:
    result = run(tmp_path, scene, scene)
    assert result.changed_share == 0
    assert result.summary["shift_px"]["rows"] == result.summary["shift_px"]["cols"] == 0


def test_ground_with_nothing_in_common_is_told(tmp_path: Path, scene: np.ndarray) -> None:
    six = np.concatenate([scene, np.roll(scene, 1, axis=2)])
    assert not any("in common" in n for n in run(tmp_path, six, later(six)).notes)
    result = run(tmp_path, six, later(six[:, ::-1, ::-1]))
    assert sum("hardly anything in common" in n for n in result.notes) == 1
    assert result.summary["notes"] == list(result.notes)
    few_bands = run(tmp_path, scene, later(scene[:, ::-1, ::-1])).notes
    assert not any("in common" in n for n in few_bands)


def test_too_few_pixels_are_told(tmp_path: Path, scene: np.ndarray) -> None:
    small = scene[:, :5, :5]
    assert any("only 25 pixels have data on both dates" in n for n in run(tmp_path, small, later(small)).notes)
    assert not any("only" in n for n in run(tmp_path, scene, later(scene)).notes)


def test_warnings_of_the_user_are_left_as_they_were(tmp_path: Path, scene: np.ndarray) -> None:
    before = list(warnings.filters)
    run(tmp_path, scene[:, :64, :64], later(scene[:, :64, :64]), vectors="gpkg")
    assert warnings.filters == before


@pytest.mark.parametrize("shift", [0.5, 1.0])
def test_a_shifted_brighter_noisy_copy_is_unchanged_once_it_is_moved_back(
    tmp_path: Path, wide: np.ndarray, scene: np.ndarray, shift: float
) -> None:
    after = cut(later(wide, shift=shift))
    left = run(tmp_path, scene, after, method="spectral")
    told = left.summary["shift_px"]
    assert (told["rows"], told["cols"]) == pytest.approx((-shift, shift), abs=0.1)
    assert any("--coregister" in n for n in left.notes)
    moved = run(tmp_path, scene, after, coregister=True)
    assert moved.changed_share < 0.005
    assert moved.summary["shift_px_left"]["cols"] == pytest.approx(0, abs=0.1)


def test_the_result_does_not_depend_on_blocks_or_workers(tmp_path: Path, scene: np.ndarray) -> None:
    changed = later(pasted(scene)[0], shift=0.3)
    changed[:, 100:140, 20:60] = 0
    made = []
    for side, workers in ((1024, 1), (100, 2), (61, 3)):
        result = run(tmp_path, scene, changed, coregister=True, block_px=side, workers=workers, there={"nodata": 0})
        with rasterio.open(result.folder / "probability.tif") as file:
            made.append((judged(result), file.read(1)))
    for codes, percent in made[1:]:
        assert np.array_equal(codes, made[0][0])
        assert np.array_equal(percent, made[0][1])
    assert (made[0][0][105:135, 25:55] == 255).all()


def test_another_grid_crs_and_extent_give_the_answer_of_the_aligned_pair(tmp_path: Path, scene: np.ndarray) -> None:
    """Within a pixel at borders: what differs lies beside an edge of what was found."""
    from rasterio.warp import Resampling, reproject, transform_bounds
    from scipy.ndimage import binary_dilation, binary_erosion

    changed, _ = pasted(scene)
    after = later(changed)
    aligned = judged(run(tmp_path, scene, after)) == 1
    west, south, east, north = transform_bounds(32633, 32632, 400_000, 4_999_872, 400_128, 5_000_000)
    transform = Affine(0.5, 0, west, 0, -0.5, north)
    warped = np.zeros((3, round(2 * (north - south)), round(2 * (east - west))), np.uint16)
    reproject(after, warped, src_transform=UTM, src_crs=32633, dst_transform=transform, dst_crs=32632,
              resampling=Resampling.lanczos)  # fmt: skip
    there = {"crs": "EPSG:32632", "transform": transform, "nodata": 0}
    result = run(tmp_path, scene, warped, there=there)
    assert any("differ in CRS" in n for n in result.notes)
    found = judged(result)
    assert found.shape == (256, 256)
    inside = binary_erosion(found != 255, iterations=3)
    sure = binary_erosion(aligned, iterations=2)
    assert (found == 1)[sure & inside].mean() > 0.97
    assert not (found == 1)[~binary_dilation(aligned, iterations=3) & inside].mean() > 0.005
    part = run(tmp_path, scene, after[:, 60:200, 100:], there={"transform": UTM @ Affine.translation(100, 60)})
    assert judged(part).shape == (140, 156)
    assert ((judged(part) == 1) == aligned[60:200, 100:]).mean() > 0.98
    with rasterio.open(part.folder / "change.tif") as file:
        assert file.transform == UTM @ Affine.translation(100, 60)


def test_a_noisy_pair_of_dates_gives_no_more_change_on_another_grid(tmp_path: Path) -> None:
    """Two real dates, one of them brought into the zone beside: away from edges no pixel differs."""
    from rasterio.vrt import WarpedVRT
    from rasterio.warp import Resampling
    from scipy.ndimage import binary_dilation, binary_erosion

    before, after = sorted(SAMPLES.glob("colorado-*.tif"))
    with rasterio.open(after) as file, WarpedVRT(file, crs="EPSG:32612", resampling=Resampling.cubic) as warped:
        profile = {k: warped.profile[k] for k in ("count", "dtype", "width", "height", "crs", "transform", "nodata")}
        with rasterio.open(tmp_path / "after.tif", "w", driver="GTiff", **profile) as other:
            other.write(warped.read())
    aligned = judged(change(before, after, tmp_path / "aligned", method="spectral", vectors="none"))
    moved = judged(change(before, tmp_path / "after.tif", tmp_path / "moved", method="spectral", vectors="none"))
    both, there = (aligned != 255) & (moved != 255), aligned == 1
    edge = binary_dilation(there, iterations=2) & ~binary_erosion(there, iterations=2)
    assert both.mean() > 0.95
    assert there.any()
    assert not ((moved == 1) != there)[both & ~edge].any()


def test_the_command_says_what_it_found_and_refuses_in_a_line(tmp_path: Path, scene: np.ndarray) -> None:
    changed, _ = pasted(scene)
    a, b = write_scene(tmp_path / "20190501.tif", scene), write_scene(tmp_path / "2024-12-24.tif", changed)
    told = CliRunner().invoke(main, ["change", str(a), str(b), "--vectors", "none"], catch_exceptions=False)
    assert told.exit_code == 0
    assert "no change" in told.output
    assert "different seasons" in told.stderr
    assert (tmp_path / "20190501-to-2024-12-24-change" / "change.tif").exists()
    far = write_scene(tmp_path / "far.tif", scene, transform=UTM @ Affine.translation(9999, 0))
    for message, *arguments in (
        ("do not overlap", a, far),
        ("no such file", a, tmp_path / "none.tif"),
        ("https://example.org/a.tif: is no raster file of this machine", "https://me:word@example.org/a.tif?sig=1", b),
        ("has 3 bands, not 7", a, b, "--bands", "7"),
        ("no probability", a, b, "--min-probability", "2"),
        ("scheduler 'far' is unknown", a, b, "--scheduler", "far"),
        ("memory 400 MB is too little", a, b, "--memory", "400MB"),
        ("needs no model", a, b, "--method", "spectral", "--model", "aerial-landcover"),
    ):
        told = CliRunner().invoke(main, ["change", *map(str, arguments), "-o", str(tmp_path / "no")])
        assert told.exit_code == 2, message
        assert message in told.stderr
        assert told.stderr.count("\n") == 1
    assert not (tmp_path / "no").exists()


def test_scenes_in_memory_are_compared_as_files_are(tmp_path: Path, scene: np.ndarray) -> None:
    before, after = scene, later(pasted(scene)[0])
    files = run(tmp_path, before, after)
    arrays = [geoglm.open_scene(tmp_path / f"{n}.tif") for n in ("before", "after")]
    held = geoglm.change(*arrays, tmp_path / "held", vectors="none")
    assert np.array_equal(judged(files), judged(held))
    with pytest.raises(OutputError, match="output=FOLDER"):
        change(*arrays)
    with pytest.raises(GeoglmError, match="wants two paths or"):
        change(3, 4, tmp_path / "x")  # type: ignore[arg-type]
    with pytest.raises(GeoglmError, match="no choice 'blok'"):
        change(*arrays, tmp_path / "x", blok=1)


def test_without_common_data_there_is_nothing_to_say(tmp_path: Path, scene: np.ndarray) -> None:
    with pytest.raises(SceneMismatch, match="no valid pixel in common"):
        run(tmp_path, scene, np.zeros_like(scene), there={"nodata": 0})
    assert not (tmp_path / "out").exists()


def test_bright_ground_that_8_bits_cut_off_is_unchanged(tmp_path: Path, scene: np.ndarray) -> None:
    """1.6 times as bright, a tenth of it beyond 255; but what became that bright from water is found."""
    before, after = scene.astype(np.uint8), later(scene, gain=1.6)
    assert (after >= 255).any(axis=0).mean() > 0.05
    still = run(tmp_path, before, after.clip(max=255).astype(np.uint8))
    assert still.changed_share < 0.005
    after[:, 5:45, 10:50] = 300
    found = judged(run(tmp_path, before, after.clip(max=255).astype(np.uint8))) == 1
    assert found[5:45, 10:50].mean() > 0.95
    assert found.mean() < 0.03


class Stopped:
    """A user who stops a run when so many steps of a phase are told."""

    def __init__(self, phase: str, steps: int) -> None:
        self.phase, self.steps = phase, steps

    def __call__(self, phase: str, done: int, total: int) -> None:
        if phase == self.phase:
            self.steps -= 1
            if not self.steps:
                raise KeyboardInterrupt


def test_a_stopped_run_is_taken_up_with_the_same_result(tmp_path: Path, scene: np.ndarray) -> None:
    after, choices = later(pasted(scene)[0]), {"block_px": 100, "workers": 1}
    whole = run(tmp_path, scene, after, **choices)
    told = {p.name: p.read_bytes() for p in whole.folder.iterdir() if p.suffix in (".tif", ".png")}
    assert whole.summary["shards_reused"] == 0
    paths = tmp_path / "before.tif", tmp_path / "after.tif"
    for phase, steps, judged in (("comparing", 3, 0), ("telling apart", 5, 4), ("writing results", 1, 9)):
        with pytest.raises(KeyboardInterrupt):
            change(*paths, tmp_path / "again", progress=Stopped(phase, steps), vectors="none", **choices)
        assert not (tmp_path / "again").exists()
        kept = {p.name for p in tmp_path.glob(".again*/shards-*/*")}
        assert len([n for n in kept if n.startswith("level-")]) >= (9 if judged else steps)
        assert len([n for n in kept if n.startswith("0")]) >= judged
    again = change(*paths, tmp_path / "again", vectors="none", **choices)
    assert {n: (again.folder / n).read_bytes() for n in told} == told
    assert again.summary["change"] == whole.summary["change"]
    assert again.summary["shards_reused"] == 9
    assert not list(tmp_path.glob(".again*"))


def test_stopped_before_anything_is_found_or_in_memory_a_run_leaves_nothing_behind(
    tmp_path: Path, scene: np.ndarray
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, scene, scene, progress=Stopped("looking at both dates", 1))
    arrays = [geoglm.open_scene(tmp_path / f"{n}.tif") for n in ("before", "after")]
    with pytest.raises(KeyboardInterrupt):
        change(*arrays, tmp_path / "out", progress=Stopped("writing results", 1))
    assert {p.name for p in tmp_path.iterdir()} == {"before.tif", "after.tif"}


def test_bands_are_matched_by_name_where_both_have_names(tmp_path: Path, scene: np.ndarray) -> None:
    """In another order, with one more: the same answer."""
    after = later(pasted(scene)[0])
    named = run(tmp_path, scene, after)
    turned = np.concatenate([after[::-1], after[:1]])
    for name, bands in (("before", ("red", "green", "blue")), ("after", ("blue", "green", "red", "nir"))):
        write_scene(tmp_path / f"{name}.tif", scene if name == "before" else turned)
        with rasterio.open(tmp_path / f"{name}.tif", "r+") as file:
            file.descriptions = bands
    result = change(tmp_path / "before.tif", tmp_path / "after.tif", tmp_path / "named", vectors="none")
    assert result.summary["bands"] == {"before": [1, 2, 3], "after": [3, 2, 1]}
    assert np.array_equal(judged(result), judged(named))


def test_small_regions_are_merged(tmp_path: Path, scene: np.ndarray) -> None:
    changed, _ = pasted(scene)
    result = run(tmp_path, scene, later(changed), min_area=150.0, vectors="gpkg")
    frame = geopandas.read_file(result.folder / "polygons.gpkg")
    assert len(frame) == 3
    assert frame.area_m2.min() >= 150
