"""``result.geoglm``: lazy until asked, right when asked, and the same files as the main job's."""

import json
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import rasterio
import xarray as xr
from pyproj import CRS, Geod

import geoglm
from geoglm.errors import GeoglmError
from geoglm.io.quicklook import coloured
from geoglm.jobs.scorer import ShardScorer
from geoglm.options import PatchRule, SegmentOptions
from tests.conftest import pointwise, write_scene

mpl.use("Agg")
LAYERS = {"probabilities": True, "layers": "entropy,margin"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A scene of nine shards with a corner without data, and a model for it."""
    folder = tmp_path_factory.mktemp("made")
    pixels = np.random.default_rng(0).integers(1, 255, (3, 288, 240)).astype(np.uint8)
    pixels[:, :40, :60] = 0
    scene = write_scene(folder / "scene.tif", pixels, nodata=0)
    return scene, str(pointwise(folder / "model").folder)


def lazy(made: tuple[Path, str], **choices: object) -> xr.Dataset:
    return geoglm.segment(made[0], made[1], patch=96, shard_px=96, **choices)


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """The shards scored, in their order."""
    found: list[tuple[int, int]] = []
    score = ShardScorer.score

    def counted(self: ShardScorer, row: int, col: int) -> object:
        found.append((row, col))
        return score(self, row, col)

    monkeypatch.setattr(ShardScorer, "score", counted)
    return found


def test_only_what_is_looked_at_is_computed(made: tuple[Path, str], scored: list[tuple[int, int]]) -> None:
    result = lazy(made)
    assert result.geoglm.legend[0].value == result.classes.attrs["flag_values"][0]
    assert scored == []
    (top, high, _), (left, wide, _) = result.classes.chunks
    result.isel(y=slice(top + 1, top + high), x=slice(left, left + wide - 1)).geoglm.areas()
    assert scored == [(1, 1)]
    scored.clear()
    result.isel(x=slice(left + wide, None)).geoglm.plot()
    assert sorted(scored) == [(0, 2), (1, 2), (2, 2)]
    plt.close("all")


def test_each_shard_is_scored_once_for_all_that_is_drawn_or_saved(
    made: tuple[Path, str], scored: list[tuple[int, int]], tmp_path: Path
) -> None:
    result = lazy(made, **LAYERS)
    result.geoglm.plot()
    assert len(scored) == 9
    result.geoglm.save(tmp_path / "out")
    assert len(scored) == 18
    plt.close("all")


def test_areas_are_those_of_the_slow_way_in_any_crs(made: tuple[Path, str], tmp_path: Path) -> None:
    result = lazy(made)
    table = result.geoglm.areas()
    whole = result.classes.values
    for row in table.itertuples():
        assert row.pixels == (whole == row.value).sum()
        assert row.hectares == pytest.approx(row.pixels * 0.25 / 1e4)
    assert table.share.sum() == pytest.approx(1)
    assert result.load().geoglm.areas().equals(table)
    far = result.assign_coords(
        y=60 - 0.01 * np.arange(288.0),
        x=5 + 0.01 * np.arange(240.0),
        spatial_ref=((), 0, {"crs_wkt": CRS(4326).to_wkt()}),
    )
    for name in far:
        far[name].attrs.pop("transform")
    geod, hectares = Geod(ellps="WGS84"), 0.0
    for k, y in enumerate(far.y.values):
        ring = [(5, y - 0.005), (5.01, y - 0.005), (5.01, y + 0.005), (5, y + 0.005)]
        pixel = abs(geod.polygon_area_perimeter(*zip(*ring, strict=True))[0])
        hectares += pixel * (whole[k] == table.value[0]).sum() / 1e4
    assert far.geoglm.areas().hectares[0] == pytest.approx(hectares, rel=1e-9)


def test_what_is_saved_is_what_the_main_job_writes(made: tuple[Path, str], tmp_path: Path) -> None:
    """Bytes of the maps; areas of the summary."""
    told = lazy(made, **LAYERS).geoglm.save(tmp_path / "saved")
    options = SegmentOptions(
        made[1],
        patch=PatchRule("fixed", 96),
        shard_px=96,
        probabilities=True,
        doubts=("entropy", "margin"),
        vectors="none",
    )
    main = geoglm.segment_file(made[0], tmp_path / "main", options)
    maps = sorted(p.name for p in main.folder.glob("*.tif"))
    assert maps == sorted(p.name for p in told.folder.glob("*.tif"))
    assert [(told.folder / n).read_bytes() == (main.folder / n).read_bytes() for n in maps] == [True] * 5
    assert told.classes == main.classes
    assert {p.name for p in main.folder.iterdir()} - {p.name for p in told.folder.iterdir()} == {"quicklook.png"}
    manifest = json.loads((told.folder / "manifest.json").read_text())
    assert Path(manifest["scene"]["path"]) == made[0]
    assert manifest["model"]["name"] == "test-model"


def test_a_slice_is_saved_in_its_place(made: tuple[Path, str], tmp_path: Path) -> None:
    result = lazy(made)
    folder = result.isel(y=slice(96, 200), x=slice(50, 150)).geoglm.save(tmp_path / "part", report=False).folder
    with rasterio.open(made[0]) as scene, rasterio.open(folder / "classes.tif") as part:
        assert part.transform.almost_equals(scene.transform @ scene.transform.translation(50, 96))
        assert np.array_equal(part.read(1), result.classes.values[96:200, 50:150])
    assert not (folder / "report.html").exists()


def test_the_picture_shows_classes_in_their_colours_and_is_thinned(made: tuple[Path, str]) -> None:
    result = lazy(made)
    axes = result.geoglm.plot(side_px=100)
    shown = axes[0].images[0].get_array()
    assert shown.shape == (96, 80, 3)
    assert np.array_equal(shown, coloured(result.classes.values[1::3, 1::3], result.geoglm.legend))
    names = [t.get_text() for t in axes[0].figure.legends[0].get_texts()]
    assert names == [c.name for c in result.geoglm.legend]
    plt.close("all")


def test_other_datasets_are_refused_in_one_line() -> None:
    with pytest.raises(GeoglmError, match=r"no maps of geoglm\.segment"):
        _ = xr.Dataset({"classes": ("x", [1])}).geoglm
