"""An evaluation counts what a look at map and labels counts, whatever the shards, scenes and resolutions."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner, Result

import geoglm
from geoglm.apps.cli import main
from geoglm.errors import GeoglmError, LabelError, OutputError
from geoglm.jobs.evaluate import evaluate_scenes
from geoglm.jobs.segment import segment_file
from geoglm.options import EvaluateOptions, PatchRule, SegmentOptions, parse_mapping, parse_scales
from geoglm.registry.package import ModelPackage
from geoglm.stats.accuracy import count_pairs
from geoglm.stats.boundary import boundary_counts
from geoglm.stats.calibration import Reliability
from tests.conftest import UTM, write_scene

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
ONCE = EvaluateOptions(scales=(1.0,))


def truth(height: int = 40, width: int = 50, seed: int = 1) -> np.ndarray:
    """Blocks of five classes with unlabelled pixels among them."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 5, (-(-height // 4), -(-width // 4))).astype(np.uint8)
    labels = blocks.repeat(4, 0).repeat(4, 1)[:height, :width]
    return np.where(rng.random(labels.shape) < 0.1, np.uint8(255), labels)


def options(package: ModelPackage, **changes: object) -> SegmentOptions:
    plain = SegmentOptions(str(package.folder), precision="f32", vectors="none", workers=1)
    return replace(plain, **changes)  # type: ignore[arg-type]


def layers(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    maps = []
    for name in ("classes", "confidence"):
        with rasterio.open(folder / f"{name}.tif") as file:
            maps.append(file.read(1))
    return maps[0], maps[1]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def labelled(make_scene: Callable[..., Path], tmp_path: Path) -> tuple[Path, Path]:
    """A scene and a class raster on its grid."""
    return make_scene((3, 40, 50)), write_scene(tmp_path / "labels.tif", truth()[None])


def test_a_scene_and_its_finished_map_are_judged_alike_and_as_a_slow_look_would(
    oracle: ModelPackage, labelled: tuple[Path, Path], tmp_path: Path
) -> None:
    scene, labels = labelled
    segment_file(scene, tmp_path / "out", options(oracle))
    classes, percent = layers(tmp_path / "out")
    mapping = {f"{k}": f"kind {k}" for k in range(5)}
    of_map = geoglm.evaluate(labels=labels, maps=tmp_path / "out" / "classes.tif", mapping=mapping)
    of_scene = evaluate_scenes([scene], [labels], options(oracle), ONCE)
    known = truth() != 255
    for found in (of_map.own, of_scene.own):
        assert (found.confusion == count_pairs(truth(), classes, classes=5)).all()
        assert (found.boundary == boundary_counts(truth(), classes, classes=5)).all()
        slow = Reliability.of_percent(percent[known], (truth() == classes)[known])
        assert np.allclose(found.reliability.sums, slow.sums)
    assert of_map.classes == of_scene.classes == tuple(f"kind {k}" for k in range(5))


def test_shards_and_blocks_change_nothing(
    oracle: ModelPackage, labelled: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluate_scenes(*([p] for p in labelled), options(oracle), ONCE)
    monkeypatch.setattr("geoglm.jobs.compare.BLOCK_PX", 7)
    small = options(oracle, patch=PatchRule("fixed", 16), shard_px=16, workers=2)
    cut = evaluate_scenes(*([p] for p in labelled), small, ONCE)
    assert (cut.own.confusion == whole.own.confusion).all()
    assert (cut.own.boundary == whole.own.boundary).all()
    assert np.allclose(cut.own.reliability.sums, whole.own.reliability.sums)


def test_at_half_the_resolution_the_mean_of_four_pixels_meets_the_label_under_its_centre(
    oracle: ModelPackage, labelled: tuple[Path, Path], tmp_path: Path
) -> None:
    scene, labels = labelled
    with rasterio.open(scene) as file:
        pixels = file.read()
    result = evaluate_scenes([scene], [labels], options(oracle), EvaluateOptions(scales=(0.5, 2)))
    mean = pixels.reshape(3, 20, 2, 25, 2).mean((2, 4))
    halved = write_scene(tmp_path / "half.tif", np.floor(mean + 0.5).astype(np.uint8))
    segment_file(halved, tmp_path / "out", options(oracle))
    expected = count_pairs(truth()[1::2, 1::2], layers(tmp_path / "out")[0], classes=5)
    # GDAL rounds a mean of .5 as it likes
    assert np.abs(result.by_scale[0.5].confusion - expected).sum() <= 0.02 * expected.sum()
    assert result.by_scale[2].pixels == 4 * (truth() != 255).sum()


def test_only_shards_with_labels_are_mapped(
    oracle: ModelPackage, labelled: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, _ = labelled
    (x, y), (right, bottom) = UTM @ (2, 2), UTM @ (12, 10)
    frame = geopandas.GeoDataFrame({"kind": ["Kind-1"]}, geometry=[shapely.box(x, bottom, right, y)], crs="EPSG:32633")
    frame.to_crs("EPSG:4326").to_file(tmp_path / "l.gpkg")
    read = []
    from geoglm.io.geotiff import RasterFile

    plain = RasterFile.read
    monkeypatch.setattr(RasterFile, "read", lambda self, box, bands: read.append(box) or plain(self, box, bands))
    small = options(oracle, patch=PatchRule("fixed", 16), shard_px=16)
    result = evaluate_scenes([scene], [tmp_path / "l.gpkg"], small, ONCE)
    assert len(read) == 1
    segment_file(scene, tmp_path / "out", options(oracle))
    classes, _ = layers(tmp_path / "out")
    assert result.own.confusion.sum() == 80
    assert result.own.confusion[1].tolist() == np.bincount(classes[2:10, 2:12].ravel(), minlength=5).tolist()


def test_scenes_add_up_and_one_model_serves_all(oracle: ModelPackage, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scenes, labels = [], []
    for k in range(2):
        scenes.append(write_scene(tmp_path / f"s{k}.tif", rng.integers(0, 255, (3, 20, 30)).astype(np.uint8)))
        bare = {"crs": None, "transform": None, "driver": "PNG"}
        labels.append(write_scene(tmp_path / f"l{k}.png", truth(20, 30, seed=k)[None], **bare))
    both = evaluate_scenes(scenes, labels, options(oracle), ONCE)
    alone = [evaluate_scenes([s], [p], options(oracle), ONCE) for s, p in zip(scenes, labels, strict=True)]
    assert (both.own.confusion == alone[0].own.confusion + alone[1].own.confusion).all()
    assert [s["path"] for s in both.as_dict()["scenes"]] == [str(s) for s in scenes]
    assert len([n for n in both.notes if "labels without names" in n]) == 1


def test_pixels_without_data_are_not_counted(tmp_path: Path, oracle: ModelPackage) -> None:
    pixels = np.random.default_rng(0).integers(1, 255, (3, 40, 50)).astype(np.uint8)
    pixels[:, :, :20] = 0
    scene = write_scene(tmp_path / "s.tif", pixels, nodata=0)
    labels = write_scene(tmp_path / "l.tif", truth()[None])
    result = evaluate_scenes([scene], [labels], options(oracle), ONCE)
    assert result.own.pixels == (truth()[:, 20:] != 255).sum()
    assert result.own.reliability.sums[:, 0].sum() == result.own.pixels


def test_a_report_appears_whole_and_is_replaced_by_the_next(
    oracle: ModelPackage, labelled: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, labels = labelled
    there = tmp_path / "new" / "report"

    def run() -> None:
        evaluate_scenes([scene], [labels], options(oracle), ONCE, output=there)

    names = {"evaluation.json", "confusion.png", "iou-by-resolution.png", "reliability.png"}
    with monkeypatch.context() as broken:
        broken.setattr("geoglm.jobs.evaluate.compared", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run()
        assert not there.exists()
    run()
    assert {p.name for p in there.iterdir()} == names
    assert {p.name for p in there.parent.iterdir()} == {"report"}
    (there / "mine.txt").write_text("mine")
    run()
    assert {p.name for p in there.iterdir()} == {*names, "mine.txt"}
    record = json.loads((there / "evaluation.json").read_text())
    assert record["model"]["name"] == "test-model"
    assert record["by_resolution"]["1"]["pixels"] == (truth() != 255).sum()
    (there / "evaluation.json").write_text('{"somebody": "else"}')
    with pytest.raises(OutputError, match="not of geoglm's making"):
        run()
    with pytest.raises(OutputError, match="is a file"):
        evaluate_scenes([scene], [labels], options(oracle), ONCE, output=there / "mine.txt")


def test_the_command_prints_tables_or_json(oracle: ModelPackage, labelled: tuple[Path, Path], tmp_path: Path) -> None:
    scene, labels = labelled
    said = call("evaluate", scene, "--labels", labels, "-m", oracle.folder, "--scales", "1", "-o", tmp_path / "r")
    assert said.exit_code == 0, said.output
    for word in ("kind 4", "IoU", "user's", "producer's", "boundary F1", "calibration error", "1x"):
        assert word in said.stdout
    assert "labels without names" in said.stderr
    assert (tmp_path / "r" / "evaluation.json").exists()
    told = call("evaluate", scene, "-l", labels, "-m", oracle.folder, "--scales", "0.5,1", "--json")
    figures = json.loads(told.stdout)
    assert set(figures["by_resolution"]) == {"0.5", "1"}
    assert figures["miou"] == figures["by_resolution"]["1"]["miou"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-l", "L"], "wants scenes, or maps with --map"),
        (["S", "--map", "L", "-l", "L"], "and not both"),
        (["--map", "L", "-l", "L", "--scales", "0.5"], "a map that is there has one resolution"),
        (["S", "-l", "L", "-l", "L", "-m", "M"], "2 label files for 1 scene;"),
        (["S", "-l", "L", "-m", "M", "--scales", "0"], "scales 0: each must lie between"),
        (["S", "-l", "L", "-m", "M", "--mapping", "lawn"], "is no pair"),
        (["S", "-l", "L", "-m", "M", "--mapping", "3=moss"], "is called 0, 1, 2, moss, 4; the labels have 0, 1"),
        (["S", "-l", "L", "-m", "M", "--resample", "1"], "--scales shows the scene"),
        (["S", "-l", "L", "-m", "M", "--class-field", "kind"], "is a raster and has no field"),
        (["S", "-l", "nowhere.gpkg", "-m", "M"], "no such file; labels are"),
    ],
)
def test_a_misfit_is_one_line(
    oracle: ModelPackage, labelled: tuple[Path, Path], arguments: list[str], said: str
) -> None:
    places = {"S": labelled[0], "L": labelled[1], "M": oracle.folder}
    told = call("evaluate", *(places.get(a, a) for a in arguments))
    assert told.exit_code == 2
    assert told.stderr.count("\n") == 1
    assert said in told.stderr


def test_labels_that_are_all_left_out_are_no_labels(oracle: ModelPackage, labelled: tuple[Path, Path]) -> None:
    nothing = EvaluateOptions(rename={f"{k}": "" for k in range(5)}, scales=(1.0,))
    with pytest.raises(LabelError, match="no pixel of the map has a label"):
        evaluate_scenes([labelled[0]], [labelled[1]], options(oracle), nothing)
    with pytest.raises(GeoglmError, match="nothing to evaluate"):
        geoglm.evaluate()


def test_lists_of_scales_and_pairs_are_parsed_once() -> None:
    assert parse_scales("2, 0.5,2") == (2.0, 0.5)
    assert parse_mapping(("a= b ", "c=")) == {"a": "b", "c": ""}
