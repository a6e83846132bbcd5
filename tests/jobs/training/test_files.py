"""geoglm train, end to end on tiny scenes whose colours tell the class."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import torch
from safetensors.torch import load_file
from shapely import box

import geoglm
from geoglm.errors import GeoglmError, LabelError, OutputError, SceneMismatch, TrainingError
from geoglm.jobs.training import run as training_run
from geoglm.jobs.training.card import colours_for
from geoglm.jobs.training.files import train_files
from geoglm.jobs.training.request import TrainRequest, TrainResult
from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.registry.card import ModelCard
from geoglm.registry.package import ModelPackage, write_package
from geoglm.train.blocks import Side
from tests.conftest import UTM, card_for, write_scene

NAMES = ("red", "green", "blue")
COLOURS = ("#aa0000", "00bb00", "#0000CC")
SIDE = 200


def coloured(folder: Path, name: str = "scene.tif", *, unit: int = 1, **profile: Any) -> Path:
    """Nine squares, 60 px wide, of three colours in turn, on black."""
    pixels = np.full((3, SIDE, SIDE), 20, np.uint8)
    for k, (row, col) in enumerate((r, c) for r in range(3) for c in range(3)):
        pixels[(k + row) % 3, 5 + 65 * row : 65 + 65 * row, 5 + 65 * col : 65 + 65 * col] = 220
    return write_scene(folder / name, pixels.astype(profile.get("dtype", "uint8")) * unit, **profile)


def polygons(folder: Path, *, squares: int = 9, side: int = 20, crs: int = 4326, **columns: Any) -> Path:
    """A polygon in each of the first squares, in another CRS than the scene's."""
    places = [(r, c) for r in range(3) for c in range(3)][:squares]
    kinds = [NAMES[(3 * r + c + r) % 3] for r, c in places]
    shapes = []
    for row, col in places:
        corners = [UTM @ (25 + 65 * col + dx, 25 + 65 * row + dy) for dx, dy in ((0, 0), (side, side))]
        shapes.append(box(corners[0][0], corners[1][1], corners[1][0], corners[0][1]))
    frame = geopandas.GeoDataFrame({"kind": kinds, **columns}, geometry=shapes, crs=32633).to_crs(crs)
    path = folder / f"polygons-{squares}-{len(columns)}.gpkg"
    frame.to_file(path, engine="pyogrio")
    return path


@pytest.fixture
def base(tmp_path: Path) -> str:
    """A pointwise model that knows the three colours, and one more class."""
    spec = SegmenterSpec("pointwise", bands=3, classes=4)
    network = build_segmenter(spec)
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.zero_()
        for k in range(3):
            network.head.weight[k, k] = 8
        network.head.bias[3] = -20
    card = card_for(spec, **{"mlm:name": "colours", "license": "CC-BY-4.0", "geoglm:training": {"data": ["paint"]}})
    card["mlm:input"][0]["bands"] = list(NAMES)
    legend = [{"value": k, "name": n, "color_hint": f"{k}{k}{k}{k}{k}{k}"} for k, n in enumerate((*NAMES, "other"))]
    card["mlm:output"] = [{"classification:classes": legend}]
    write_package(tmp_path / "base", network, card)
    return str(tmp_path / "base")


def request(tmp_path: Path, base: str | None, **changes: Any) -> TrainRequest:
    asked = TrainRequest((coloured(tmp_path),), (polygons(tmp_path),), class_field="kind", base=base, steps=3)
    return replace(asked, **changes)


def check_card(result: TrainResult) -> ModelCard:
    card = result.package.card
    assert [c.name for c in card.classes] == ["blue", "green", "red"]
    assert len({c.colour for c in card.classes}) == 3
    assert card.metrics["iou"] == {c.name: c.iou for c in result.classes}
    return card


def test_polygons_become_a_model_that_segment_takes(tmp_path: Path, base: str) -> None:
    told: list[str] = []
    asked = request(tmp_path, base)
    result = train_files(asked, tmp_path / "mine", lambda phase, done, total: told.append(phase))
    card = check_card(result)
    assert all(c.iou == c.before == 1 for c in result.classes)
    assert all(c.training_px and c.validation_px for c in result.classes)
    assert {"reading labelled neighbourhoods", "training", "measuring"} <= set(told)
    assert (card.name, card.tileable, card.halo, card.exact_halo) == ("mine", True, 0, 0)
    assert card.data["geoglm:training"]["from"]["license"] == "CC-BY-4.0"
    assert card.data["geoglm:training"]["from"]["data"] == ["paint"]
    assert card.gsd == (0.333, 0.75)
    found = geoglm.segment(asked.scenes[0], str(tmp_path / "mine")).compute()
    names = np.array([c.name for c in card.classes])
    assert names[found.classes.values[30, [30, 95, 160]]].tolist() == ["red", "green", "blue"]
    assert not (tmp_path / "mine.training" / "checkpoint.pt").exists()
    assert (tmp_path / "mine.training" / "scores.csv").read_text().startswith("step,score,blue,green,red")
    assert list((tmp_path / "mine.training" / "pictures").glob("*.png"))


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tmp_path, base, steps=6)
    calm = train_files(asked, tmp_path / "calm")

    def killed(phase: str, done: int, total: int) -> None:
        if phase == "training" and done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_files(asked, tmp_path / "shaken", killed)
    assert not (tmp_path / "shaken").exists()
    assert (tmp_path / "shaken.training" / "checkpoint.pt").exists()
    steps: list[int] = []
    again = train_files(asked, tmp_path / "shaken", lambda p, done, t: steps.append(done) if p == "training" else None)
    assert steps[1] > 2
    old, new = (load_file(r.folder / "model.safetensors") for r in (calm, again))
    assert all(torch.equal(old[n], new[n]) for n in old)
    with pytest.raises(OutputError, match="no model that geoglm trained"):
        train_files(asked, Path(base))
    once_more = train_files(replace(asked, seed=2), tmp_path / "calm")
    assert once_more.package.card.data["geoglm:training"]["seed"] == 2


def test_a_class_raster_and_wider_pixels_are_learnt_from_nothing(tmp_path: Path) -> None:
    scene = coloured(tmp_path, dtype="uint16", unit=40)
    labels = np.full((1, SIDE, SIDE), 255, np.uint8)
    with rasterio.open(scene) as file:
        pixels = file.read()
    labels[0] = np.where(pixels.max(axis=0) > 5000, pixels.argmax(axis=0), 255)
    raster = write_scene(tmp_path / "labels.tif", labels)
    with pytest.raises(SceneMismatch, match="full scale"):
        geoglm.train(scene, raster, tmp_path / "mine", steps=1)
    result = geoglm.train(scene, raster, tmp_path / "mine", steps=1, scale=10_000, encoder="pointwise")
    card = result.package.card
    assert [c.name for c in card.classes] == ["0", "1", "2"]
    assert card.scaling.full_scale["uint16"] == 10_000
    with rasterio.open(scene) as file:
        assert card.scaling.mean == pytest.approx((file.read() / 10_000).mean(axis=(1, 2)), abs=0.02)
    assert result.miou is not None
    assert card.metrics["gap_px"] >= 8


def test_what_cannot_be_judged_is_said_and_not_measured(tmp_path: Path, base: str) -> None:
    few = request(tmp_path, base, labels=(polygons(tmp_path, squares=3),))
    result = train_files(few, tmp_path / "few")
    assert result.miou is None
    assert result.package.card.metrics["miou"] is None
    assert all(c.iou is None and c.validation_px == 0 for c in result.classes)
    assert len(result.notes) == 1
    assert "one place only" in result.notes[0]
    assert "no accuracy is measured" in result.notes[0]
    some = train_files(request(tmp_path, base, labels=(polygons(tmp_path, squares=5),)), tmp_path / "some")
    assert [c.iou is None for c in some.classes] == [False, False, True]
    assert "the accuracy of red is not measured" in some.notes[0]
    assert some.package.card.metrics["not_measured"] == ["red"]


def test_labels_may_bring_colours(tmp_path: Path, base: str) -> None:
    labels = polygons(tmp_path, colour=[COLOURS[(3 * r + c + r) % 3] for r in range(3) for c in range(3)])
    result = train_files(request(tmp_path, base, labels=(labels,), validate=False), tmp_path / "mine")
    assert {c.colour for c in result.classes} == {"#aa0000", "#00bb00", "#0000cc"}
    assert result.miou is None
    assert colours_for(("a", "b"), {"a": "#101010", "b": "#101010"})[1] != "#101010"


def test_several_scenes_share_a_file_of_labels(tmp_path: Path, base: str) -> None:
    far = coloured(tmp_path, "far.tif", transform=UTM.translation(900_000, 0) @ UTM)
    asked = request(tmp_path, base)
    result = train_files(replace(asked, scenes=(*asked.scenes, far)), tmp_path / "mine")
    assert "far.tif has no labels" in " ".join(result.notes)


def wrong(tmp_path: Path, base: str) -> dict[str, tuple[TrainRequest, type[GeoglmError], str]]:
    good = request(tmp_path, base)
    one = tmp_path / "one"
    one.mkdir()
    grey = write_scene(tmp_path / "grey.tif", np.zeros((1, SIDE, SIDE), np.uint8))
    far = coloured(tmp_path, "far.tif", transform=UTM.translation(900_000, 0) @ UTM)
    return {
        "no overlap": (replace(good, scenes=(far,)), LabelError, "do not overlap"),
        "one class": (replace(good, labels=(polygons(one, squares=1),)), LabelError, "one class only"),
        "no field": (replace(good, class_field="nothing"), LabelError, "has no field"),
        "no labels": (replace(good, labels=(tmp_path / "none.gpkg",)), LabelError, "no such file"),
        "bands": (replace(good, scenes=(grey,)), SceneMismatch, "takes 3"),
        "base": (replace(good, base="nothing"), GeoglmError, "is not known"),
    }


def test_what_is_wrong_is_said_in_one_line_and_leaves_nothing(tmp_path: Path, base: str) -> None:
    cases = wrong(tmp_path, base)
    before = sorted(tmp_path.rglob("*"))
    for name, (asked, kind, said) in cases.items():
        with pytest.raises(kind, match=said) as caught:
            train_files(asked, tmp_path / "mine")
        assert "\n" not in str(caught.value), name
        assert sorted(tmp_path.rglob("*")) == before, name
    for changes, said in (
        ({"minutes": 0.0}, "no time"),
        ({"steps": 0}, "too few"),
        ({"encoder": "tu-resnet18"}, "one of both"),
        ({"labels": (Path("a"), Path("b"))}, "one for each"),
        ({"processes": 0}, "too few"),
    ):
        with pytest.raises(TrainingError, match=said):
            request(tmp_path, base, **changes)


def test_minutes_become_steps_that_a_resumed_run_keeps(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_run, "steps_within", lambda seconds, step, judging: int(seconds / 10))
    result = train_files(request(tmp_path, base, steps=None, minutes=0.5), tmp_path / "mine")
    assert result.steps == 3
    assert ModelPackage.open(tmp_path / "mine").card.data["geoglm:training"]["schedule"]["steps"] == 3


def test_the_verb_and_the_subpackage_share_their_name() -> None:
    assert callable(geoglm.train)
    assert geoglm.train.blocks.Side is Side
    with pytest.raises(TrainingError, match="one for each"):
        geoglm.train("a.tif", ["b.gpkg", "c.gpkg"], "mine")
    code = "import geoglm; assert callable(geoglm.train); import geoglm.train.blocks as b; b.Side"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
