"""Explanations of a linear model, whose right answers are known."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
import xarray as xr
from pyproj import Transformer

import geoglm
from geoglm.errors import AreaOfInterestError, GeoglmError, OutputError, PlanError, TargetError
from geoglm.jobs.explain.record import Explanation
from geoglm.registry.package import ModelPackage
from tests.conftest import UTM, pointwise, write_scene

ROW, COL = 50, 71
AT = (UTM.c + UTM.a * (COL + 0.5), UTM.f + UTM.e * (ROW + 0.5))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return pointwise(tmp_path_factory.mktemp("linear") / "model", bands=4)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Not too dark nor too bright, so that no change is cut at the ends of uint8."""
    return np.random.default_rng(3).integers(100, 156, (4, 90, 120)).astype(np.uint8)


@pytest.fixture(scope="module")
def scene(pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(tmp_path_factory.mktemp("scene") / "scene.tif", pixels, photometric="minisblack")


class Linear:
    """The model as NumPy has it: logits of raw pixels, without a network."""

    def __init__(self, model: ModelPackage) -> None:
        head = {k: v.numpy().astype(np.float64) for k, v in model.network().state_dict().items()}
        self.weights = head["head.weight"][:, :, 0, 0] / 128
        self.bias = head["head.bias"] - head["head.weight"][:, :, 0, 0].sum(axis=1)

    def logits(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(np.tensordot(self.weights, values, 1) + self.bias.reshape(-1, *[1] * (values.ndim - 1)))

    def between(self, found: Explanation) -> np.ndarray:
        """By how much the log-odds rise with each band's pixel value."""
        first, rival = (int(c.value) for c in (found.verdict.chosen, found.verdict.rival))
        return np.asarray(self.weights[first] - self.weights[rival])


def explained(scene: Path, model: ModelPackage, **choices: object) -> Explanation:
    found = geoglm.explain(scene, model=str(model.folder), **choices)  # type: ignore[arg-type]
    assert isinstance(found, Explanation)
    return found


@pytest.mark.parametrize("device", ["cpu", "torch-cpu"])
def test_of_a_linear_model_all_answers_are_the_analytic_ones(
    scene: Path, pixels: np.ndarray, model: ModelPackage, device: str
) -> None:
    linear, value = Linear(model), pixels[:, ROW, COL].astype(np.float64)
    found = explained(scene, model, at=AT, cell_px=5, reference=(0, 0, 0, 0), device=device)
    logits = linear.logits(value)
    order = np.argsort(-logits)
    assert [found.verdict.chosen.value, found.verdict.rival.value] == order[:2].tolist()
    assert found.verdict.odds == pytest.approx(logits[order[0]] - logits[order[1]], abs=1e-4)
    assert found.verdict.probabilities == pytest.approx(np.exp(logits) / np.exp(logits).sum(), abs=1e-5)
    slope = linear.between(found)
    # occlusion: weight times value, in the cell of the pixel and nowhere else
    row, col = (ROW - found.window.top) // 5, (COL - found.window.left) // 5
    assert found.occlusion[row, col] == pytest.approx(slope @ value, abs=1e-3)
    assert np.abs(np.delete(found.occlusion.ravel(), row * found.occlusion.shape[1] + col)).max() < 1e-4
    # Shapley values: weight times value, band by band
    assert found.shares.shares == pytest.approx(slope * value, abs=1e-3)
    assert found.shares.everyone - found.shares.nobody == pytest.approx(slope @ value, abs=1e-3)
    # counterfactual: the distance to the nearest of the planes between classes, bands in standard deviations
    box = found.window
    spread = pixels[:, box.top : box.bottom, box.left : box.right].reshape(4, -1).std(axis=1)
    steep = np.linalg.norm((linear.weights[order[0]] - linear.weights[order[1:]]) * spread, axis=1)
    distance = ((logits[order[0]] - logits[order[1:]]) / steep).min()
    assert found.change is not None
    assert found.change.length == pytest.approx(distance, rel=5e-3)
    assert found.change.raw == pytest.approx(found.change.spread * spread)
    after = linear.logits(value + found.change.raw)
    assert after.argmax() == found.change.into.value != order[0]


def test_what_is_absent_is_the_mean_of_what_is_around(scene: Path, pixels: np.ndarray, model: ModelPackage) -> None:
    found = explained(scene, model, at=AT)
    box, value = found.window, pixels[:, ROW, COL].astype(np.float64)
    around = pixels[:, box.top : box.bottom, box.left : box.right].reshape(4, -1).mean(axis=1)
    assert found.absent == pytest.approx(around, abs=1e-3)
    assert found.shares.shares == pytest.approx(Linear(model).between(found) * (value - around), abs=1e-3)


def test_of_a_polygon_all_pixels_count_alike(
    scene: Path, pixels: np.ndarray, model: ModelPackage, tmp_path: Path
) -> None:
    box = shapely.box(UTM.c + 30, UTM.f - 25, UTM.c + 36, UTM.f - 20)  # rows 40 to 50, columns 60 to 72
    geopandas.GeoDataFrame(geometry=[box], crs="EPSG:32633").to_crs(4326).to_file(tmp_path / "field.gpkg")
    found = explained(scene, model, polygon=tmp_path / "field.gpkg", reference=(0, 0, 0, 0), cell_px=7)
    assert found.inside.sum() == 120
    there = pixels[:, 40:50, 60:72].astype(np.float64)
    mean = Linear(model).logits(there).mean(axis=(1, 2))
    order = np.argsort(-mean)
    assert found.verdict.odds == pytest.approx(mean[order[0]] - mean[order[1]], abs=1e-4)
    slope = Linear(model).between(found)
    assert found.shares.shares == pytest.approx(slope * there.mean(axis=(1, 2)), abs=1e-3)
    drops = np.zeros(pixels.shape[1:])
    drops[40:50, 60:72] = np.tensordot(slope, there, 1) / 120
    cut = drops[found.window.top : found.window.bottom, found.window.left : found.window.right]
    cells = np.add.reduceat(np.add.reduceat(cut, range(0, cut.shape[0], 7), 0), range(0, cut.shape[1], 7), 1)
    assert found.occlusion == pytest.approx(cells, abs=1e-3)
    assert found.change is not None
    assert (found.change.region == found.inside).all()


def test_a_point_is_found_by_either_coordinates_and_in_arrays(
    scene: Path, pixels: np.ndarray, model: ModelPackage
) -> None:
    lonlat = Transformer.from_crs(32633, 4326, always_xy=True).transform(*AT)
    asked = [explained(scene, model, at=AT), explained(scene, model, at_lonlat=lonlat)]
    array = geoglm.open_scene(scene)[:, 10:]
    in_part = geoglm.explain(array, at=AT, model=str(model.folder))
    told = [e.as_dict() | {"target": None} for e in asked]
    assert told[0] == told[1]
    assert in_part.as_dict()["class"] == told[0]["class"]
    bare = xr.DataArray(pixels, dims=("band", "y", "x"), name="bare")
    by_pixel = geoglm.explain(bare, at=(COL + 0.5, ROW + 0.5), model=str(model.folder)).as_dict()
    assert by_pixel["bands"] == told[0]["bands"]


def test_pictures_and_numbers_are_put_into_a_folder(scene: Path, model: ModelPackage, tmp_path: Path) -> None:
    phases: list[str] = []
    geoglm.explain(
        scene,
        tmp_path / "why",
        at=AT,
        model=str(model.folder),
        cell_px=30,
        progress=lambda phase, done, total: phases.append(phase),
    )
    names = {p.name for p in (tmp_path / "why").iterdir()}
    assert names == {"occlusion.png", "bands.png", "counterfactual.png", "explanation.json", "manifest.json"}
    told = json.loads((tmp_path / "why" / "explanation.json").read_text())
    assert told["counterfactual"]["class"] != told["class"]
    assert {"covering squares", "leaving out bands"} <= set(phases)
    geoglm.explain(scene, tmp_path / "why", whole=True, model=str(model.folder))  # takes the place of the former
    assert {p.name for p in (tmp_path / "why").iterdir()} == {
        *("importance.png", "importance.tif", "explanation.json", "manifest.json")
    }


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({}, TargetError, "by one of"),
        ({"at": AT, "whole": True}, TargetError, "by one of"),
        ({"at": (0.0, 0.0)}, TargetError, "lies outside of scene, which reaches from x 400000 to 400060"),
        ({"at_lonlat": (200.0, 95.0)}, TargetError, "lies outside"),
        ({"polygon": "no.gpkg"}, AreaOfInterestError, "--polygon wants"),
        ({"at": AT, "reference": (1, 2)}, PlanError, "takes 4 bands"),
        ({"at": AT, "reference": (1, 2, float("nan"), 4)}, PlanError, "no number"),
        ({"at": AT, "cell_px": -1}, PlanError, "negative"),
        ({"at": AT, "window": 3}, GeoglmError, "explain has no choice 'window'"),
        ({"at": AT, "memory": "360MB"}, PlanError, "--memory"),
        ({"at": AT, "memory": 360 * 10**6}, PlanError, "--memory"),
    ],
    ids=lambda v: str(v)[:20],
)
def test_what_cannot_be_explained_is_told(
    scene: Path, model: ModelPackage, asked: dict[str, object], error: type[GeoglmError], words: str
) -> None:
    with pytest.raises(error, match=words):
        geoglm.explain(scene, **{"model": str(model.folder)} | asked)  # type: ignore[arg-type]


def test_where_there_is_no_data_there_is_nothing_to_explain(
    pixels: np.ndarray, model: ModelPackage, tmp_path: Path
) -> None:
    holed = pixels.copy()
    holed[:, ROW, COL] = 0
    scene = write_scene(tmp_path / "holed.tif", holed, nodata=0, photometric="minisblack")
    with pytest.raises(TargetError, match="has no data at the pixel"):
        explained(scene, model, at=AT)
    with pytest.raises(OutputError, match="is a file"):
        geoglm.explain(scene, scene, at=AT, model=str(model.folder))
    assert [p.name for p in tmp_path.iterdir()] == ["holed.tif"]
