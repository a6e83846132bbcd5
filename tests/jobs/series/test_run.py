"""Dates in, consistent maps out: what must be found, what must be the same, and what must be taken up again."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from rio_cogeo.cogeo import cog_validate

import geoglm
from geoglm.apps.cli import main
from geoglm.errors import SceneChanged, SeriesError
from geoglm.jobs.budget import BASE_BYTES, GDAL_CACHE_BYTES
from geoglm.jobs.series.run import SeriesResult, series
from tests.conftest import UTM, pointwise, write_scene

YEARS = range(2012, 2020)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Eight years of three classes, 530 × 540 px in patches; a piece of it changes in 2016."""
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 3, (27, 27)).repeat(20, 0).repeat(20, 1)[:530].astype(np.uint8)
    years = np.tile(patches, (8, 1, 1))
    years[4:, 100:200, 300:500] = (years[4:, 100:200, 300:500] + 1) % 3
    return years


def labelled(folder: Path, years: np.ndarray, **profile: object) -> list[Path]:
    """A class map for every year."""
    folder.mkdir(exist_ok=True)
    settings = {"nodata": 255} | profile
    return [write_scene(folder / f"map_{y}.tif", m[None], **settings) for y, m in zip(YEARS, years, strict=False)]


def noisy(years: np.ndarray, share: float = 0.05) -> np.ndarray:
    rng = np.random.default_rng(1)
    wrong = (years + rng.integers(1, 3, years.shape)) % 3
    made: np.ndarray = np.where(rng.random(years.shape) < share, wrong, years).astype(np.uint8)
    return made


def read(result: SeriesResult, name: str) -> np.ndarray:
    with rasterio.open(result.folder / f"{name}.tif") as file:
        pixels: np.ndarray = file.read(1)
    return pixels


def test_change_is_dated_and_all_outputs_are_there_and_whole(tmp_path: Path, truth: np.ndarray) -> None:
    years = noisy(truth)
    years[2, :100] = 255
    paths = labelled(tmp_path / "maps", years)
    result = geoglm.series(paths[::-1], tmp_path / "out")
    manifest = json.loads((result.folder / "manifest.json").read_text())
    assert sorted(manifest["outputs"]) == sorted(p.name for p in result.folder.iterdir())
    assert [s["date"] for s in manifest["scenes"]] == [f"{y}-07-01" for y in YEARS]
    assert all(len(s["sha256"]) == 64 for s in manifest["scenes"])
    first = read(result, "first-change")
    assert np.mean(first[100:200, 300:500] == 4) > 0.95
    assert np.mean(first[300:] == 0) > 0.98
    for name in ("first-change", "classes-2014-07-01", "confidence-2014-07-01"):
        assert cog_validate(result.folder / f"{name}.tif", strict=True) == (True, [], [])
        with rasterio.open(result.folder / f"{name}.tif") as file:
            assert file.transform == UTM
            assert file.nodata == 255
    with rasterio.open(result.folder / "first-change.tif") as file:
        assert json.loads(file.tags()["CLASSES"])[4]["name"] == "2016-07-01"
    assert np.mean(read(result, "classes-2014-07-01") == truth[2]) > 0.99  # also where that year saw nothing
    with (result.folder / "areas.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    made = read(result, "classes-2019-07-01")
    for row in rows[-3:]:
        assert row["date"] == "2019-07-01"
        assert int(row["pixels"]) == (made == int(row["value"])).sum()
        assert float(row["area_ha"]) == pytest.approx(int(row["pixels"]) * 0.25 / 1e4)
    assert result.summary["dates"][2]["seen_share"] == pytest.approx(1 - 100 / 530, abs=1e-4)
    assert result.changed_share == pytest.approx((first > 0).mean(), abs=1e-6)


def test_the_result_does_not_depend_on_blocks_or_threads(tmp_path: Path, truth: np.ndarray) -> None:
    years = noisy(truth, 0.2)
    years[3, 490:520, 500:530] = 255
    paths = labelled(tmp_path / "maps", years[:4])
    one = series(paths, tmp_path / "one", block_px=512, workers=2)
    two = series(paths, tmp_path / "two", block_px=1536, workers=1)
    for name in ("first-change", *(f"{k}-{y}-07-01" for k in ("classes", "confidence") for y in YEARS[:4])):
        assert (one.folder / f"{name}.tif").read_bytes() == (two.folder / f"{name}.tif").read_bytes()
    assert one.summary["areas"] == two.summary["areas"]
    assert one.summary["change"] == two.summary["change"]


def test_without_noise_and_change_the_maps_come_out_as_they_went_in(tmp_path: Path, truth: np.ndarray) -> None:
    still = np.tile(truth[0, :64, :64], (3, 1, 1))
    result = series(labelled(tmp_path / "maps", still), tmp_path / "out")
    assert result.changed_share == 0
    for year in YEARS[:3]:
        assert np.array_equal(read(result, f"classes-{year}-07-01"), still[0])


def test_a_stopped_run_goes_on_from_its_finished_blocks(tmp_path: Path, truth: np.ndarray) -> None:
    paths = labelled(tmp_path / "maps", noisy(truth)[:3])

    def stop(phase: str, done: int, total: int) -> None:
        if phase == "smoothing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        series(paths, tmp_path / "out", progress=stop, block_px=512, workers=1)
    assert not (tmp_path / "out").exists()
    told: list[int] = []

    def note(phase: str, done: int, total: int) -> None:
        if phase == "smoothing":
            told.append(total)

    went_on = series(paths, tmp_path / "out", progress=note, block_px=512, workers=1)
    assert told[0] < 530 * 540
    fresh = series(paths, tmp_path / "fresh")
    assert np.array_equal(read(went_on, "first-change"), read(fresh, "first-change"))


def test_a_run_stopped_with_many_threads_goes_on_with_one_whose_blocks_are_larger(
    tmp_path: Path, truth: np.ndarray
) -> None:
    paths, memory = labelled(tmp_path / "maps", truth[:3]), BASE_BYTES + GDAL_CACHE_BYTES + 200 * 10**6

    def stop(phase: str, done: int, total: int) -> None:
        if phase == "smoothing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        series(paths, tmp_path / "out", progress=stop, memory=memory, workers=4)
    went_on = series(paths, tmp_path / "out", memory=memory, workers=1)
    assert np.array_equal(read(went_on, "classes-2014-07-01"), truth[2])


def test_maps_on_other_grids_are_brought_to_one(tmp_path: Path, truth: np.ndarray) -> None:
    """One is cut and one has pixels half as large: the answer is that of the aligned ones, where all have been."""
    still = truth[0, :100, :120]
    paths = labelled(tmp_path / "maps", np.tile(still, (3, 1, 1)))
    write_scene(paths[1], still[None, 20:, 40:], nodata=255, transform=UTM @ Affine.translation(40, 20))
    finer = still.repeat(2, 0).repeat(2, 1)[None]
    write_scene(paths[2], finer, nodata=255, transform=UTM @ Affine.scale(0.5))
    result = series(paths, tmp_path / "out")
    assert any("map_2014" in n and "pixels of map_2012" in n for n in result.notes)
    assert np.array_equal(read(result, "classes-2014-07-01"), still[20:, 40:])


def test_names_and_confidence_of_segment_are_taken_over(tmp_path: Path) -> None:
    """A weak flip goes, a sure one stays; classes keep their values, names and colours."""
    legend = [{"value": 3, "name": "lake", "colour": "#0000ff"}, {"value": 7, "name": "land", "colour": "#00ff00"}]
    paths = []
    for year, (value, sure) in zip(YEARS, ((3, 90), (3, 90), (7, 55), (7, 99)), strict=False):
        folder = tmp_path / f"{year}-geoglm"
        folder.mkdir()
        flipped = np.array([[[3, value]]], np.uint8) if year == 2014 else np.array([[[3, 3]]], np.uint8)
        labels = np.array([[[3, 7]]], np.uint8) if year == 2015 else flipped
        paths.append(write_scene(folder / "classes.tif", labels, nodata=255))
        write_scene(folder / "confidence.tif", np.full((1, 1, 2), sure, np.uint8), nodata=255)
        with rasterio.open(paths[-1], "r+") as file:
            file.update_tags(CLASSES=json.dumps(legend))
    result = series(paths, tmp_path / "out")
    assert result.summary["confidence"] == [True] * 4
    made = [read(result, f"classes-{y}-07-01")[0].tolist() for y in YEARS[:4]]
    assert [m[0] for m in made] == [3, 3, 3, 3]
    assert made[1][1] == 3
    assert made[3][1] == 7
    assert {r["class"] for r in result.summary["areas"]} == {"lake", "land"}


def test_scenes_are_segmented_once_and_a_later_one_is_added(tmp_path: Path) -> None:
    pointwise(tmp_path / "oracle")
    package = str(tmp_path / "oracle")
    rng = np.random.default_rng(3)
    ground = rng.integers(0, 255, (3, 40, 50))
    paths = []
    for month in range(1, 5):
        pixels = (ground + rng.normal(0, 12, ground.shape)).clip(0, 255).astype(np.uint8)
        paths.append(write_scene(tmp_path / f"s_2020{month:02d}01.tif", pixels))
    first = series(paths[:3], tmp_path / "out", model=package, stay=0.6)
    assert first.summary["reused"] == []
    alone = [tmp_path / "out" / "dates" / f"2020-0{m}-01" / "classes.tif" for m in range(1, 4)]
    with rasterio.open(alone[1]) as file:
        assert (file.read(1) == read(first, "classes-2020-02-01")).mean() > 0.5
    grown = series(paths, tmp_path / "out", model=package, stay=0.6)
    assert grown.summary["reused"] == ["2020-01-01", "2020-02-01", "2020-03-01"]
    shutil.rmtree(tmp_path / "out" / "dates" / "2020-02-01")
    anew = series(paths, tmp_path / "anew", model=package, stay=0.6)
    assert anew.summary["areas"] == grown.summary["areas"]
    pixels = np.zeros((3, 40, 50), np.uint8)
    write_scene(paths[0], pixels)  # another scene of the same name
    assert series(paths, tmp_path / "out", model=package).summary["reused"] == ["2020-03-01", "2020-04-01"]
    assert len(geoglm.load_model(package).card.classes) == 5


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["map_2012.tif", "map_2013.tif"], "2 scenes make no series"),
        (["map_2012.tif", "map_2013.tif", "map_2014.tif", "--dates", "2012,2013"], "2 dates are stated for 3 scenes"),
        (["map_2012.tif", "map_2013.tif", "map_2014.tif", "--dates", "2012,2013,2013"], "are both of 2013-07-01"),
        (["map_2012.tif", "map_2013.tif", "map_2014.tif", "--stay", "1"], "same class a year later"),
        (["map_2012.tif", "map_2013.tif", "map_2014.tif", "--model", "aerial-landcover", "--stay", "2"], "below 1"),
        (["map_2012.tif", "map_2013.tif", "named_2014.tif"], "classes lake, town, wood, the other maps 0, 1, 2;"),
        (["map_2012.tif", "map_2013.tif", "map_2014.tif", "--noise", "0.7"], "no share of wrong labels"),
        (["map_2012.tif", "map_2013.tif", "map_2014.tif", "--halo", "64"], "leave out what is meant for a model"),
        (["map_2012.tif", "map_2013.tif", "map_2014.tif", "--memory", "90MB"], "this series needs"),
        (["map_2012.tif", "map_2013.tif", "undated.tif"], "--dates"),
        (["map_2012.tif", "map_2013.tif", "map_2015.tif"], "no such file"),
    ],
)
def test_what_makes_no_series_is_refused_in_one_line(
    tmp_path: Path, truth: np.ndarray, arguments: list[str], why: str
) -> None:
    paths = labelled(tmp_path, truth[:3, :60, :300])
    shutil.copy(paths[0], tmp_path / "undated.tif")
    with rasterio.open(shutil.copy(paths[2], tmp_path / "named_2014.tif"), "r+") as file:
        legend = [{"value": k, "name": n, "colour": "#3060d0"} for k, n in enumerate(("lake", "town", "wood"))]
        file.update_tags(CLASSES=json.dumps(legend))
    given = [str(tmp_path / a) if a.endswith(".tif") else a for a in arguments]
    result = CliRunner().invoke(main, ["series", *given, "-o", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert why in result.output
    assert result.output.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_one_path_is_no_list_of_scenes(tmp_path: Path) -> None:
    with pytest.raises(SeriesError, match="is one scene; give a list"):
        series(tmp_path / "map_2012.tif", tmp_path / "out")  # type: ignore[arg-type]


def test_the_command_tells_areas_and_changes(tmp_path: Path, truth: np.ndarray) -> None:
    paths = labelled(tmp_path, truth[:5, 100:140, 300:340])
    result = CliRunner().invoke(main, ["series", *map(str, paths), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["folder"] == str(tmp_path / "map_2012-series")
    assert told["change"]["first_change"][3] == {"value": 4, "date": "2016-07-01", "area": 0.04, "share": 1.0}
    with pytest.raises(SeriesError, match="a map of classes and"):
        series([*paths[:2], write_scene(tmp_path / "image_2020.tif", np.zeros((3, 40, 40), np.uint8))])


def test_a_block_that_is_damaged_is_made_again_and_a_scene_that_changes_is_noticed(
    tmp_path: Path, truth: np.ndarray
) -> None:
    paths = labelled(tmp_path / "maps", noisy(truth)[:3, :40, :50])
    hidden = tmp_path / ".out.geoglm-part"

    def damage(phase: str, done: int, total: int) -> None:
        if phase == "smoothing" and not damaged:
            damaged.extend(hidden.glob("shards-*/*.zip"))
            damaged[0].write_bytes(b"torn")

    damaged: list[Path] = []
    result = series(paths, tmp_path / "out", progress=damage)
    assert damaged
    assert np.array_equal(read(result, "first-change"), read(series(paths, tmp_path / "fresh"), "first-change"))

    def change(phase: str, done: int, total: int) -> None:
        write_scene(paths[1], truth[:1, :40, :50], nodata=255)

    with pytest.raises(SceneChanged):
        series(paths, tmp_path / "late", progress=change)
    assert not (tmp_path / "late").exists()
