"""Pruned packages: they run, they can be taught on, in 8 bits too; and one line where there is nothing to prune."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from click.testing import CliRunner

from geoglm.apps.cli import main
from geoglm.errors import BadPackage, GeoglmError
from geoglm.jobs.export.run import export_model
from geoglm.jobs.segment import segment_file
from geoglm.jobs.training.files import train_files
from geoglm.jobs.training.request import TrainRequest
from geoglm.nn.segmenter import SegmenterSpec
from geoglm.options import SegmentOptions
from geoglm.registry.graphs import add_graph
from geoglm.registry.package import ModelPackage, write_package
from tests.conftest import card_for, pointwise, write_scene
from tests.nn.networks import network

SPEC = SegmenterSpec("separable-8", bands=3, classes=3, depth=2, width=32)
TILING = {"stride": 4, "tileable": True, "halo": 32, "exact_halo": 96}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    card = card_for(SPEC, **{"geoglm:tiling": TILING, "geoglm:metrics": {"miou": 1.0}})
    return add_graph(write_package(tmp_path_factory.mktemp("model") / "base", network(SPEC), card)).folder


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    coarse = np.random.default_rng(0).integers(0, 256, (3, 20, 30)).astype(np.uint8)
    return write_scene(tmp_path_factory.mktemp("scene") / "scene.tif", coarse.repeat(16, 1).repeat(16, 2))


def mapped(scene: Path, model: Path, output: Path) -> np.ndarray:
    segment_file(scene, output, SegmentOptions(str(model), vectors="none", precision="f32"))
    with rasterio.open(output / "classes.tif") as file:
        return np.asarray(file.read(1))


def test_a_pruned_package_runs_as_its_card_says(tmp_path: Path, model: Path, scene: Path) -> None:
    words = ["export", model, "-o", tmp_path / "light", "--prune", "0.3", "--calibrate", scene]
    told = CliRunner().invoke(main, [str(w) for w in words])
    assert told.exit_code == 0, told.output
    assert "of the multiply-adds pruned, the same class as before on" in told.output
    light = ModelPackage.open(tmp_path / "light")
    facts = light.card.data["geoglm:pruning"]
    assert facts["multiply_adds"] >= 0.3
    assert facts["mended_on"] == ["scene.tif"]
    assert light.card.data["geoglm:exported_from"]["name"] == "test-model"
    assert "miou" not in light.card.metrics, "they were of the whole network"
    assert light.card.data["mlm:total_parameters"] == sum(p.numel() for p in light.network().parameters())
    assert {p.name for p in light.folder.iterdir()} == {"model.json", "model.safetensors", "model.onnx"}
    whole, pruned = (mapped(scene, m, tmp_path / m.name / "out") for m in (model, light.folder))
    assert (whole == pruned).mean() == pytest.approx(facts["same_class"], abs=0.1)


def test_a_pruned_model_can_be_taught_and_stays_pruned(tmp_path: Path, model: Path, scene: Path) -> None:
    made = export_model(str(model), tmp_path / "light", prune=0.3)
    assert made.pruning is not None
    assert made.pruning.mended_on == ()
    labels = write_scene(tmp_path / "labels.tif", np.full((1, 320, 480), 255, np.uint8), nodata=255)
    with rasterio.open(labels, "r+") as file:
        columns = np.arange(480)[None] // 40 % 3
        file.write(columns.repeat(320, 0).astype(np.uint8), 1)
    asked = TrainRequest((scene,), (labels,), base=str(tmp_path / "light"), steps=2)
    taught = train_files(asked, tmp_path / "taught").package
    assert taught.card.network["kept"] == made.package.card.network["kept"]
    assert "geoglm:pruning" not in taught.card.data
    before, after = made.package.network().state_dict(), taught.network().state_dict()
    encoder = "encoder.body.stages.0.0.weight"
    assert not torch.equal(before[encoder], after[encoder]), "what was cut and not mended has to learn"


def test_pruned_and_in_8_bits(tmp_path: Path, model: Path, scene: Path) -> None:
    made = export_model(str(model), tmp_path / "small", prune=0.3, int8=True, scenes=[scene])
    assert made.pruning is not None
    assert made.same_class is not None
    assert {p.name for p in made.package.folder.iterdir()} == {"model.json", "model.xml", "model.bin"}
    assert {"geoglm:pruning", "geoglm:quantisation"} <= set(made.package.card.data)
    assert made.package.card.data["geoglm:exported_from"]["sha256"] == ModelPackage.open(model).sha256
    assert mapped(scene, made.package.folder, tmp_path / "out").shape == (320, 480)


def test_what_cannot_be_pruned_is_said_in_a_line(tmp_path: Path, model: Path) -> None:
    with pytest.raises(BadPackage, match="no channels to prune"):
        export_model(str(pointwise(tmp_path / "p").folder), tmp_path / "out", prune=0.3)
    with pytest.raises(GeoglmError, match="choose 0 to below 1"):
        export_model(str(model), tmp_path / "out", prune=40)
    with pytest.raises(GeoglmError, match="at most"):
        export_model(str(model), tmp_path / "out", prune=0.99)
    graph = export_model(str(model), tmp_path / "graph").package
    with pytest.raises(BadPackage, match="no weights"):
        export_model(str(graph.folder), tmp_path / "out", prune=0.3)
    assert not (tmp_path / "out").exists()
