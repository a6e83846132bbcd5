"""Exported models: the same map from another format, nearly the same in 8 bits, and one line where it cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from geoglm.apps.cli import main
from geoglm.errors import BadPackage, GeoglmError, OutputError
from geoglm.io.memory import ArrayScene
from geoglm.jobs.export.run import export_model
from geoglm.jobs.export.samples import _samples_of
from geoglm.jobs.reading import read_scene
from geoglm.jobs.segment import segment_file
from geoglm.options import SegmentOptions
from geoglm.registry.graph import GraphEntry
from geoglm.registry.importing import import_onnx
from geoglm.registry.package import ModelPackage
from tests.conftest import write_scene
from tests.onnx_models import pointwise_onnx
from tests.registry.test_importing import CARD


@pytest.fixture
def outsider(tmp_path: Path) -> ModelPackage:
    return import_onnx(pointwise_onnx(tmp_path / "m.onnx", layout="NHWC"), CARD, tmp_path / "outsider")


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    return write_scene(tmp_path / "scene.tif", rng.integers(0, 256, (3, 300, 520)).astype(np.uint8))


def mapped(scene: Path, model: Path, output: Path) -> np.ndarray:
    segment_file(scene, output, SegmentOptions(str(model), vectors="none", precision="f32"))
    with rasterio.open(output / "classes.tif") as file:
        return np.asarray(file.read(1))


def test_another_format_gives_the_same_map(tmp_path: Path, outsider: ModelPackage, scene: Path) -> None:
    made = export_model(str(outsider.folder), tmp_path / "ir", form="openvino")
    names = {p.name for p in made.package.folder.iterdir()}
    assert names == {"model.json", "model.xml", "model.bin"}
    assert made.package.card.data["geoglm:exported_from"]["sha256"] == outsider.sha256
    same = mapped(scene, made.package.folder, tmp_path / "b")
    assert (mapped(scene, outsider.folder, tmp_path / "a") == same).all()
    again = export_model(str(outsider.folder), tmp_path / "onnx")
    assert (again.package.folder / "model.onnx").read_bytes() == (outsider.folder / "model.onnx").read_bytes()


def test_eight_bits_give_nearly_the_same_map(tmp_path: Path, outsider: ModelPackage, scene: Path) -> None:
    words = ["export", outsider.folder, "-o", tmp_path / "small", "--int8", "--calibrate", scene, scene]
    told = CliRunner().invoke(main, [str(w) for w in words])
    assert told.exit_code == 0, told.output
    assert "the same class as before on" in told.output
    facts = ModelPackage.open(tmp_path / "small").card.data["geoglm:quantisation"]
    assert facts["calibrated_on"] == ["scene.tif", "scene.tif"]
    small, exact = (mapped(scene, m, tmp_path / m.name / "out") for m in (tmp_path / "small", outsider.folder))
    agreement = (small == exact).mean()
    assert agreement > 0.9
    assert agreement == pytest.approx(facts["same_class_as_float32"], abs=0.02)


def test_what_cannot_be_exported_is_said_in_a_line(tmp_path: Path, outsider: ModelPackage, scene: Path) -> None:
    model = str(outsider.folder)
    with pytest.raises(GeoglmError, match="name scenes: --calibrate"):
        export_model(model, tmp_path / "out", int8=True)
    with pytest.raises(OutputError, match="is there already"):
        export_model(model, tmp_path)
    made = export_model(model, tmp_path / "ir", form="openvino")
    with pytest.raises(BadPackage, match="use --openvino"):
        export_model(str(made.package.folder), tmp_path / "out")
    empty = write_scene(tmp_path / "empty.tif", np.zeros((3, 64, 64), np.uint8), nodata=0)
    with pytest.raises(GeoglmError, match="no tile has data"):
        export_model(model, tmp_path / "out", form="openvino", int8=True, scenes=[empty])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_a_network_is_calibrated_on_what_it_is_given(outsider: ModelPackage, layout: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 40, 70)).astype(np.uint8)
    reading = read_scene(ArrayScene(pixels), SegmentOptions(str(outsider.folder)))
    entry = GraphEntry("model.onnx", "", layout=layout, tile=(20, 32))  # type: ignore[arg-type]
    samples = _samples_of(ArrayScene(pixels), reading, entry, most=100)
    assert len(samples) == 2 * 3
    scaled = reading.scaling.applied(pixels, reading.full_scale)
    first = samples[0][0] if layout == "NCHW" else samples[0][0].transpose(2, 0, 1)
    assert first == pytest.approx(scaled[:, :20, :32])
    assert len(_samples_of(ArrayScene(pixels), reading, entry, most=2)) == 2


QUIET = """
import sys
calls = []
sys.addaudithook(lambda event, _: calls.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
from pathlib import Path
from geoglm.jobs.export.run import export_model
export_model(sys.argv[1], Path(sys.argv[3]), form="openvino", int8=True, scenes=[Path(sys.argv[2])])
print(calls)
"""


def test_nobody_is_told_of_a_quantisation(tmp_path: Path, outsider: ModelPackage, scene: Path) -> None:
    words = [sys.executable, "-c", QUIET, outsider.folder, scene, tmp_path / "small"]
    told = subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True)
    assert told.stdout == "[]\n"
