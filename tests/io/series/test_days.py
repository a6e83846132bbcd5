"""When scenes were taken: what tells it, and what of several is believed."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoglm.errors import SeriesError
from geoglm.io.geotiff import RasterFile
from geoglm.io.remote import Remote
from geoglm.io.series.days import day_of, month_or_year, stated, whole_day
from tests.conftest import write_scene


def scene(path: Path, **tags: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    write_scene(path, np.ones((1, 4, 5), np.uint8))
    with rasterio.open(path, "r+") as file:
        file.update_tags(**tags)
    return path


def told(path: Path) -> tuple[str, str] | None:
    day = day_of(RasterFile(path).meta, path)
    return None if day is None else (str(day), day.told_by)


def test_an_acquisition_is_believed_before_a_name_and_a_name_before_the_day_of_writing(tmp_path: Path) -> None:
    written = {"TIFFTAG_DATETIME": "2024:01:02 03:04:05"}
    path = scene(tmp_path / "s2_20190701.tif", ACQUISITION_DATE="2018-05-06T10:00:00Z", **written)
    assert told(path) == ("2018-05-06", "tag ACQUISITION_DATE")
    assert told(scene(tmp_path / "s2_20190701.tif", **written)) == ("2019-07-01", "file name")
    assert told(scene(tmp_path / "scene.tif", **written)) == ("2024-01-02", "tag TIFFTAG_DATETIME")


def test_where_a_day_must_be_exact_middles_of_months_and_the_day_of_writing_are_none(tmp_path: Path) -> None:
    for name in ("map_2016.tif", "s2_201909.tif", "scene.tif"):
        path = scene(tmp_path / name, TIFFTAG_DATETIME="2024:01:02 03:04:05")
        assert day_of(RasterFile(path).meta, path) is not None
        assert day_of(RasterFile(path).meta, path, exact=True) is None
    path = scene(tmp_path / "s2_201907.tif", ACQUISITION_DATE="2018-05-06T10:00:00Z")
    day = day_of(RasterFile(path).meta, path, exact=True)
    assert str(day) == "2018-05-06"


def test_the_folder_tells_where_the_file_does_not(tmp_path: Path) -> None:
    assert told(scene(tmp_path / "s2_20190701-geoglm" / "classes.tif")) == ("2019-07-01", "folder name")
    assert told(scene(tmp_path / "map_2016.tif")) == ("2016-07-01", "file name")
    assert told(scene(tmp_path / "2019" / "scene.tif")) == ("2019-07-01", "folder name")


def test_a_stac_item_tells_its_datetime(tmp_path: Path) -> None:
    path = scene(tmp_path / "red_20200101.tif")
    asset = {"href": path.name, "roles": ["data"], "eo:bands": [{"name": "red"}]}
    item = {"type": "Feature", "properties": {"datetime": "2021-08-09T10:11:12Z"}, "assets": {"red": asset}}
    (tmp_path / "item.json").write_text(json.dumps(item))
    remote = Remote(str(tmp_path / "item.json"))
    day = day_of(RasterFile(remote).meta, remote)
    assert (str(day), day.told_by if day else "") == ("2021-08-09", "STAC item")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("LC08_L1TP_042034_20170616_20170629_01_T1", date(2017, 6, 16)),
        ("2019-07-01", date(2019, 7, 1)),
        ("2019_07_01", date(2019, 7, 1)),
        ("tile_120190701", None),
        ("20191301", None),
    ],
)
def test_whole_days(text: str, day: date | None) -> None:
    assert whole_day(text) == day


def test_months_and_years_stand_for_their_middle_and_several_for_none() -> None:
    assert month_or_year("rgbn_2016") == date(2016, 7, 1)
    assert month_or_year("x_201609") == date(2016, 9, 15)
    assert month_or_year("2016_2018") is None
    assert month_or_year("scene_1") is None


@pytest.mark.parametrize("text", ["", "2019-13-01", "yesterday", "19", "2019-02-30"])
def test_what_is_no_date_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SeriesError, match="write it as 2019-07-01") as refusal:
        stated(text)
    assert "\n" not in str(refusal.value)
