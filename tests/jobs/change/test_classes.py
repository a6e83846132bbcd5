"""Change of class: between maps that are given, and between scenes that a model maps."""

import csv
import json
from pathlib import Path

import distributed
import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from rio_cogeo.cogeo import cog_validate

from geoglm.errors import GeoglmError
from geoglm.io.cog import Layer, array_blocks, classes_layer, write_cog
from geoglm.jobs.change.run import ChangeResult, change
from geoglm.types import GeoRef, LandClass
from tests.conftest import UTM, pointwise, write_scene

LEGEND = (LandClass(0, "water", "#3060d0"), LandClass(1, "forest", "#30a030"), LandClass(2, "road", "#808080"))
WKT = rasterio.crs.CRS.from_epsg(32633).to_wkt()


def write_map(path: Path, classes: np.ndarray, legend: tuple[LandClass, ...] = LEGEND, place: Affine = UTM) -> Path:
    blocks = array_blocks(classes, "mode")
    write_cog(path, classes.shape, GeoRef(place, WKT), classes_layer(legend), blocks)
    return path


def dates(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    before = np.kron(rng.integers(0, 3, (6, 7)), np.ones((10, 10))).astype(np.uint8)
    after = before.copy()
    after[12:27, 15:41] = 2
    before[0, :5] = after[50, 3] = 255
    return before, after


def matrix(result: ChangeResult) -> np.ndarray:
    told = result.summary["change"]["from_to"]
    return np.array([[told[a][b] for b in sorted(told)] for a in sorted(told)])


def read(result: ChangeResult, name: str) -> np.ndarray:
    with rasterio.open(result.folder / f"{name}.tif") as file:
        made: np.ndarray = file.read(1)
    return made


def test_two_maps_give_what_became_what(tmp_path: Path) -> None:
    before, after = dates()
    a, b = write_map(tmp_path / "a.tif", before), write_map(tmp_path / "b.tif", after)
    result = change(a, b, tmp_path / "out")
    assert (result.summary["method"], result.summary["method_why"]) == ("classes", "both are maps of classes")
    known = (before != 255) & (after != 255)
    told = result.summary["change"]["from_to"]
    for k, one in enumerate(LEGEND):
        for n, other in enumerate(LEGEND):
            expected = ((before == k) & (after == n) & known).sum() * 0.25 / 1e4
            assert told[one.name][other.name] == pytest.approx(expected, abs=1e-6)
    codes = read(result, "change")
    assert ((codes == 0) == ((before == after) & known)).all()
    assert ((codes == 255) == ~known).all()
    assert cog_validate(result.folder / "change.tif", strict=True) == (True, [], [])
    frame = geopandas.read_file(result.folder / "polygons.gpkg")
    assert set(frame.to_class) == {"road"}
    assert set(frame.from_class) == {"water", "forest"}
    assert (frame.class_name == frame.from_class + " → " + frame.to_class).all()
    assert frame.pixels.sum() == ((before != after) & known).sum()
    with (result.folder / "transitions.csv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0][1:] == ["water", "forest", "road"]
    assert float(rows[1][3]) == pytest.approx(told["water"]["road"], abs=1e-6)
    outputs = json.loads((result.folder / "manifest.json").read_text())["outputs"]
    assert {"transitions.png", "transitions.csv", "change.qml"} <= set(outputs)


def test_swapping_the_maps_transposes_the_matrix_and_nothing_else(tmp_path: Path) -> None:
    before, after = dates()
    a, b = write_map(tmp_path / "a.tif", before), write_map(tmp_path / "b.tif", after)
    there, back = change(a, b, tmp_path / "there"), change(b, a, tmp_path / "back")
    assert np.array_equal(matrix(there), matrix(back).T)
    assert np.array_equal(read(there, "probability"), read(back, "probability"))
    assert np.array_equal(read(there, "change") % 255 > 0, read(back, "change") % 255 > 0)
    assert change(a, a, tmp_path / "same").changed_share == 0


def test_classes_are_matched_by_name_and_maps_laid_over_each_other(tmp_path: Path) -> None:
    before, after = dates()
    other = (LandClass(4, "road", "#808080"), LandClass(7, "Water", "#3060d0"), LandClass(9, "forest", "#30a030"))
    values = np.array([7, 9, 4, *[255] * 253], np.uint8)
    coded = np.kron(values[after], np.ones((2, 2))).astype(np.uint8)
    a = write_map(tmp_path / "a.tif", before)
    b = write_map(tmp_path / "b.tif", coded[:, 20:], other, UTM @ Affine.translation(10, 0) @ Affine.scale(0.5))
    result = change(a, b, tmp_path / "out", vectors="none")
    plain = change(a, write_map(tmp_path / "c.tif", after), tmp_path / "plain", vectors="none")
    assert any("resampled to the pixels of a" in n for n in result.notes)
    changed = read(plain, "change")[:, 10:]
    assert np.array_equal(read(result, "change") % 255 > 0, changed % 255 > 0)


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    before = np.kron(rng.integers(0, 256, (3, 8, 10)), np.ones((8, 8))).astype(np.uint8)
    after = before.copy()
    after[:, 16:40, 16:48] = 255 - after[:, 16:40, 16:48]
    return write_scene(tmp_path / "one.tif", before), write_scene(tmp_path / "two.tif", after)


def test_a_model_maps_both_dates(tmp_path: Path, scenes: tuple[Path, Path]) -> None:
    model = str(pointwise(tmp_path / "model", classes=4).folder)
    there = change(*scenes, tmp_path / "there", model=model, vectors="none")
    back = change(*scenes[::-1], tmp_path / "back", model=model, vectors="none", block_px=17)
    assert there.summary["method_why"] == "a model is named"
    assert 0 < there.changed_share < 24 * 32 / (64 * 80)
    outside = read(there, "change").copy()
    outside[16:40, 16:48] = 0
    assert not outside.any()
    assert np.array_equal(matrix(there), matrix(back).T)
    assert np.array_equal(read(there, "probability"), read(back, "probability"))
    same = change(scenes[0], scenes[0], tmp_path / "same", model=model, vectors="none")
    assert same.changed_share == 0
    assert json.loads((there.folder / "manifest.json").read_text())["model"]["name"] == "test-model"


def test_a_model_goes_on_where_it_was_stopped_and_a_cluster_gives_the_same(
    tmp_path: Path, scenes: tuple[Path, Path]
) -> None:
    choices = {"model": str(pointwise(tmp_path / "model", classes=4).folder), "vectors": "none", "block_px": 32}
    whole = change(*scenes, tmp_path / "whole", **choices)
    for phase in ("segmenting before", "segmenting after"):

        def stop(told: str, done: int, total: int, phase: str = phase) -> None:
            if told == phase and done > total / 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            change(*scenes, tmp_path / "again", progress=stop, **choices)
        assert list(tmp_path.glob(".again*/shards-*/before-*"))
    again = change(*scenes, tmp_path / "again", **choices)
    assert again.summary["shards_reused"] > 0
    here = {"processes": False, "dashboard_address": None, "n_workers": 1}
    with distributed.LocalCluster(**here) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        other = change(*scenes, tmp_path / "other", client=client, **choices)
    assert "the client given" in other.summary["scheduler"]
    for name in ("change", "probability"):
        assert np.array_equal(read(again, name), read(whole, name))
        assert np.array_equal(read(other, name), read(whole, name))
    assert np.array_equal(matrix(again), matrix(whole))


def test_a_flip_between_unsure_classes_is_no_change(tmp_path: Path) -> None:
    """Maps of geoglm have their confidence beside them."""
    before, after = dates()
    sure = np.full(before.shape, 90, np.uint8)
    sure[:, 30:] = 45
    for name, classes in (("one", before), ("two", after)):
        (tmp_path / name).mkdir()
        write_map(tmp_path / name / "classes.tif", classes)
        blocks = array_blocks(sure, "average")
        write_cog(tmp_path / name / "confidence.tif", sure.shape, GeoRef(UTM, WKT), Layer(("c",), "average"), blocks)
    paths = [tmp_path / n / "classes.tif" for n in ("one", "two")]
    there = change(*paths, tmp_path / "there", vectors="none")
    known = (before != 255) & (after != 255)
    assert np.array_equal(read(there, "change") % 255 > 0, (before != after) & known & (sure == 90))
    expected = round(100 * (1 - 2 * 0.9 * 0.05 - 0.05**2))
    assert set(read(there, "probability")[(before != after) & known & (sure == 90)]) == {expected}
    back = change(*paths[::-1], tmp_path / "back", vectors="none")
    assert np.array_equal(matrix(there), matrix(back).T)
    write_map(tmp_path / "part.tif", before[9:, 7:], place=UTM @ Affine.translation(7, 9))
    cut = change(tmp_path / "part.tif", paths[1], tmp_path / "cut", vectors="none")
    flip = ((before != after) & known)[9:, 7:]
    assert set(read(cut, "probability")[flip & (sure[9:, 7:] == 45)]) == {round(100 * (1 - 0.55 / 2))}


def test_bare_numbers_are_classes_in_their_order_once_that_is_said(tmp_path: Path) -> None:
    """A byte a pixel may be a picture: what is not said is guessed, and the guess is told."""
    before, after = np.full((40, 40), 9, np.uint8), np.full((40, 40), 9, np.uint8)
    before[:10], after[:10], after[10:20] = 10, 2, 10
    paths = [write_scene(tmp_path / f"{k}.tif", m[None]) for k, m in (("one", before), ("two", after))]
    told = change(*paths, tmp_path / "said", method="classes", vectors="none")
    assert list(told.summary["change"]["from_to"]) == ["2", "9", "10"]
    assert [k["name"] for k in told.summary["change"]["kinds"]] == ["no change", "9 → 10", "10 → 2"]
    guessed = change(*paths, tmp_path / "guessed", vectors="none")
    assert any("give --method classes" in n for n in guessed.notes)


def test_a_class_below_zero_is_another_than_the_one_above(tmp_path: Path) -> None:
    before, after = np.full((30, 30), -1, np.int16), np.full((30, 30), -1, np.int16)
    after[:10] = 1
    paths = [write_scene(tmp_path / f"{k}.tif", m[None]) for k, m in (("one", before), ("two", after))]
    told = change(*paths, tmp_path / "out", method="classes", vectors="none")
    assert told.changed_share == pytest.approx(1 / 3, abs=1e-5)
    assert told.summary["change"]["kinds"][1]["name"] == "-1 → 1"


def test_what_does_not_go_together_is_refused_in_a_line(tmp_path: Path, scenes: tuple[Path, Path]) -> None:
    mapped = write_map(tmp_path / "a.tif", dates()[0])
    for message, before, after, choices in (
        ("give two maps or two images", mapped, scenes[0], {}),
        ("use --method classes", mapped, mapped, {"method": "spectral"}),
        ("use --method classes", mapped, mapped, {"method": "features"}),
        ("are not co-registered", mapped, mapped, {"coregister": True}),
        ("leave out --model, --bands and --scale", mapped, mapped, {"model": "aerial-landcover"}),
        ("leave out --model, --bands and --scale", mapped, mapped, {"bands": (1,)}),
    ):
        with pytest.raises(GeoglmError, match=message):
            change(before, after, tmp_path / "no", **choices)
    many = tuple(LandClass(k, f"kind {k}", "#808080") for k in range(16))
    crowded = write_map(tmp_path / "many.tif", dates()[0], many)
    with pytest.raises(GeoglmError, match="16 classes make too many kinds of change"):
        change(crowded, crowded, tmp_path / "no")
    bare = write_scene(tmp_path / "bare.tif", dates()[1][None])
    with pytest.raises(GeoglmError, match=r"bare.tif: has the classes [0-9, ]+, the other maps .*matched by name"):
        change(bare, mapped, tmp_path / "no", method="classes")
    assert not (tmp_path / "no").exists()
