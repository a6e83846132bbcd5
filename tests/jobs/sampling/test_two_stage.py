"""Samples in blocks: drawn, labelled, assessed; and refused where the file no longer says how they were drawn."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from geoglm.apps.cli import main
from geoglm.errors import GeoglmError, LabelError
from geoglm.jobs.sampling.assess import assess
from geoglm.jobs.sampling.draw import sample

Labelled = Callable[[Path], Path]


@pytest.mark.parametrize("design", ["two-stage", "stratified-two-stage"])
def test_a_sample_in_blocks_gives_areas_and_accuracy_of_the_truth(
    tmp_path: Path, mapped: Path, truth: np.ndarray, labelled: Labelled, design: str
) -> None:
    drawn = sample(mapped, tmp_path / "s.gpkg", n=1500, design=design, block_px=15, per_block=12, seed=1)
    assert sum(drawn.blocks.values()) == 125
    found = assess(mapped, labelled(drawn.path))
    assert (found.blocks, found.notes) == (125, ())
    share = np.bincount(truth[20:].ravel(), minlength=3) / truth[20:].size
    for k, estimate in enumerate(found.figures.shares):
        assert estimate.value == pytest.approx(share[k], abs=3 * estimate.error)
        assert 0.002 < estimate.error < 0.02
    assert found.figures.overall.value == pytest.approx(0.9, abs=0.03)
    with rasterio.open(mapped) as file:
        counts = np.bincount(file.read(1).ravel(), minlength=4)[1:]
    assert [m.value for m in found.figures.mapped] == pytest.approx((counts / counts.sum()).tolist())


def test_points_lie_in_their_blocks_and_repeat_by_seed(tmp_path: Path, mapped: Path) -> None:
    frames = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        path = tmp_path / f"{name}.gpkg"
        sample(mapped, path, n=60, design="two-stage", block_px=32, per_block=5, seed=seed)
        frames.append(geopandas.read_file(path, layer="sample"))
    assert frames[0].equals(frames[1])
    assert not frames[0].equals(frames[2])
    assert not frames[0]["block"].is_monotonic_increasing
    blocks = geopandas.read_file(tmp_path / "a.gpkg", layer="blocks").set_index("block")
    assert frames[0].groupby("block").size().tolist() == [5] * 12
    assert frames[0].geometry.within(blocks.geometry.loc[frames[0]["block"]].reset_index(drop=True)).all()
    with rasterio.open(mapped) as file:
        values = [int(v[0]) for v in file.sample(zip(frames[0].geometry.x, frames[0].geometry.y, strict=True))]
    assert all(values)


def test_without_its_tables_a_sample_in_blocks_is_refused(tmp_path: Path, mapped: Path, labelled: Labelled) -> None:
    def altered(name: str, *statements: str) -> Path:
        path = tmp_path / f"{name}.gpkg"
        sample(mapped, path, n=60, design="two-stage", block_px=32, per_block=5)
        labelled(path)
        with sqlite3.connect(path) as file:
            for statement in statements:
                file.execute(statement)
        file.close()
        return path

    gone = "DELETE FROM gpkg_contents WHERE table_name = 'blocks'"
    with pytest.raises(LabelError, match="layer 'blocks' is missing; without it nobody knows how likely"):
        assess(mapped, altered("layer", gone, "DELETE FROM gpkg_geometry_columns WHERE table_name = 'blocks'"))
    with pytest.raises(LabelError, match="the layer 'design' has no column 'blocks'"):
        assess(mapped, altered("column", "ALTER TABLE design RENAME COLUMN blocks TO squares"))
    with pytest.raises(LabelError, match="the layer 'sample' has no column 'block'"):
        assess(mapped, altered("point", "ALTER TABLE sample RENAME COLUMN block TO plot"))
    path = altered("deleted")
    frame = geopandas.read_file(path, layer="sample")
    frame[frame["block"] != 3].to_file(path, layer="sample", driver="GPKG")
    with pytest.raises(LabelError, match="block 3 has 0 labelled units; 2 are needed"):
        assess(mapped, path)


def test_too_few_blocks_are_refused(tmp_path: Path, mapped: Path) -> None:
    with pytest.raises(GeoglmError, match=r"1 units are too few .* -n 10 gives 1 blocks of 10 points: raise -n"):
        sample(mapped, tmp_path / "s.gpkg", n=10, design="two-stage", block_px=32)
    with pytest.raises(GeoglmError, match="design 'random' is unknown; use stratified, two-stage"):
        sample(mapped, tmp_path / "s.gpkg", design="random")


def test_from_the_shell(tmp_path: Path, mapped: Path, labelled: Labelled) -> None:
    points = tmp_path / "s.gpkg"
    options = ["--design", "two-stage", "--block", "16", "--per-block", "8", "-n", "120", "-o", str(points)]
    told = CliRunner().invoke(main, ["sample", str(mapped), *options])
    assert told.exit_code == 0, told.output
    assert "blocks" in told.stdout
    told = CliRunner().invoke(main, ["assess", str(mapped), str(labelled(points))])
    assert told.exit_code == 0, told.output
    assert "120 points in 15 blocks" in told.stdout
    assert "only 15 blocks were drawn" in told.stderr
