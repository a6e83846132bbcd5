"""Sampling and assessing a map: what is drawn can be labelled, what is labelled gives the truth back."""

import json
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from geoglm.apps.cli import main
from geoglm.errors import GeoglmError, LabelError, OutputError
from geoglm.jobs.sampling.assess import assess
from geoglm.jobs.sampling.draw import sample

NAMES = np.array(["lake", "wood", "town"])
Labelled = Callable[[Path], Path]


def test_a_labelled_sample_gives_areas_and_accuracy_of_the_truth(
    tmp_path: Path, mapped: Path, truth: np.ndarray, labelled: Labelled
) -> None:
    drawn = sample(mapped, tmp_path / "s.gpkg", n=2000, seed=1)
    assert sum(drawn.units.values()) == 2000
    found = assess(mapped, labelled(drawn.path), output=tmp_path / "figures.json")
    share = np.bincount(truth[20:].ravel(), minlength=3) / truth[20:].size
    for k, estimate in enumerate(found.figures.shares):
        assert estimate.value == pytest.approx(share[k], abs=3 * estimate.error)
        assert estimate.error < 0.02
    assert found.figures.overall.value == pytest.approx(0.9, abs=0.03)
    told = json.loads((tmp_path / "figures.json").read_text())
    assert told["classes"]["wood"]["area_ha"]["value"] == pytest.approx(
        found.figures.shares[1].value * (found.hectares or 0)
    )


def test_points_lie_at_pixel_centres_of_their_stratum_and_repeat_by_seed(tmp_path: Path, mapped: Path) -> None:
    frames = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        sample(mapped, tmp_path / f"{name}.gpkg", n=90, allocation="equal", seed=seed)
        frames.append(geopandas.read_file(tmp_path / f"{name}.gpkg", layer="sample"))
    assert frames[0].equals(frames[1])
    assert not frames[0].equals(frames[2])
    with rasterio.open(mapped) as file:
        values = [int(v[0]) for v in file.sample(zip(frames[0].geometry.x, frames[0].geometry.y, strict=True))]
        centre = file.xy(frames[0]["row"], frames[0]["col"])
    assert (NAMES[np.array(values) - 1] == frames[0]["stratum"]).all()
    assert np.allclose(centre[0], frames[0].geometry.x)
    assert frames[0]["stratum"].value_counts().tolist() == [30, 30, 30]
    assert "lake" in (tmp_path / "a.qml").read_text()


def test_a_sample_of_one_map_judges_another(
    tmp_path: Path,
    mapped: Path,
    truth: np.ndarray,
    labelled: Labelled,
    class_map: Callable[[Path, np.ndarray], Path],
) -> None:
    drawn = sample(mapped, tmp_path / "s.gpkg", n=900)
    perfect = class_map(tmp_path / "perfect.tif", truth)
    found = assess(perfect, labelled(drawn.path))
    assert found.figures.overall.value == 1
    assert found.figures.overall.error == 0


def test_units_that_were_taken_out_are_told_and_those_added_are_refused(
    tmp_path: Path, mapped: Path, labelled: Labelled
) -> None:
    drawn = labelled(sample(mapped, tmp_path / "s.gpkg", n=60).path)
    assert assess(mapped, drawn).notes == ()
    frame = geopandas.read_file(drawn, layer="sample")
    frame.iloc[:50].to_file(drawn, layer="sample", driver="GPKG")
    assert "10 of 60 units that were drawn are not in the file" in assess(mapped, drawn).notes[0]
    frame.iloc[[*range(60), 0]].to_file(drawn, layer="sample", driver="GPKG")
    with pytest.raises(LabelError, match=r"points of stratum \w+, of which \d+ were drawn"):
        assess(mapped, drawn)


def test_what_is_no_probability_sample_is_refused(tmp_path: Path, mapped: Path, labelled: Labelled) -> None:
    drawn = sample(mapped, tmp_path / "s.gpkg", n=60)
    with pytest.raises(LabelError, match="60 of 60 units have no reference"):
        assess(mapped, drawn.path)
    labelled(drawn.path)
    frame = geopandas.read_file(drawn.path, layer="sample")
    by_hand = tmp_path / "hand.gpkg"
    frame.to_file(by_hand, layer="points", driver="GPKG")
    with pytest.raises(LabelError, match="does not say how its points were drawn"):
        assess(mapped, by_hand)
    assert assess(mapped, by_hand, assume_random=True).notes == (
        "the points were taken for a simple random sample, as asked",
    )
    frame.loc[0, "reference"] = "swamp"
    frame.to_file(by_hand, layer="points", driver="GPKG")
    with pytest.raises(LabelError, match="no class 'swamp', but lake, wood, town"):
        assess(mapped, by_hand, assume_random=True)


def test_labels_are_never_overwritten(tmp_path: Path, mapped: Path) -> None:
    sample(mapped, tmp_path / "s.gpkg", n=30)
    with pytest.raises(GeoglmError, match="is there already, and may hold labels"):
        sample(mapped, tmp_path / "s.gpkg", n=30)


def test_figures_go_into_a_file_of_their_own_and_never_over_what_was_labelled(
    tmp_path: Path, mapped: Path, labelled: Labelled
) -> None:
    points = labelled(sample(mapped, tmp_path / "s.gpkg", n=60).path)
    before = points.read_bytes(), mapped.read_bytes()
    (tmp_path / "link.json").symlink_to(points)
    for output in (points, mapped, tmp_path / "link.json"):
        with pytest.raises(OutputError, match="the figures would overwrite it"):
            assess(mapped, points, output=output)
    with pytest.raises(OutputError, match="is a folder"):
        assess(mapped, points, output=tmp_path)
    assert (points.read_bytes(), mapped.read_bytes()) == before
    told = assess(mapped, points, output=tmp_path / "new" / "figures.json").as_dict()
    assert json.loads((tmp_path / "new" / "figures.json").read_text()) == told


def test_a_seed_below_zero_is_refused(tmp_path: Path, mapped: Path) -> None:
    with pytest.raises(GeoglmError, match="seed -1 is negative"):
        sample(mapped, tmp_path / "s.gpkg", n=30, seed=-1)


def test_from_the_shell(tmp_path: Path, mapped: Path, labelled: Labelled) -> None:
    points = tmp_path / "classes-sample.gpkg"
    told = CliRunner().invoke(main, ["sample", str(mapped), "-n", "120"])
    assert told.exit_code == 0, told.output
    assert str(points) in told.stdout.replace("\n", "")
    told = CliRunner().invoke(main, ["assess", str(mapped), str(labelled(points))])
    assert told.exit_code == 0, told.output
    assert "overall accuracy" in told.stdout
    told = CliRunner().invoke(main, ["sample", str(mapped), "-n", "2", "-o", str(tmp_path / "t.gpkg")])
    assert told.exit_code == 2
    assert told.stderr.strip().endswith("2 units are too few for 3 strata; 6 are needed; raise -n")
