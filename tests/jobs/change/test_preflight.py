"""What is looked at before two dates are compared."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from geoglm.io.change.scene_pair import ScenePair
from geoglm.io.geotiff import RasterFile
from geoglm.jobs.change.options import ChangeOptions
from geoglm.jobs.change.preflight import Preflight
from tests.conftest import write_scene


@pytest.mark.parametrize(
    ("names", "dates", "told"),
    [
        (("a_2019-07-01", "b_20210706"), (date(2019, 7, 1), date(2021, 7, 6)), None),
        (("a_20190701", "b_20190701"), (date(2019, 7, 1),) * 2, "of 2019-07-01: what differs"),
        (("a_20210701", "b_20190701"), (date(2021, 7, 1), date(2019, 7, 1)), "before the first, 2021-07-01"),
        (("a_20190701", "b_20200101"), (date(2019, 7, 1), date(2020, 1, 1)), "different seasons"),
        (("a_2019", "b_202001"), (None, None), None),
        (("20190701/scene", "20200101/scene"), (date(2019, 7, 1), date(2020, 1, 1)), "different seasons"),
    ],
)
def test_dates_that_cannot_carry_a_conclusion_are_told(
    tmp_path: Path, names: tuple[str, str], dates: tuple[date | None, date | None], told: str | None
) -> None:
    rng = np.random.default_rng(0)
    files = []
    for name in names:
        path = tmp_path / f"{name}.tif"
        path.parent.mkdir(exist_ok=True)
        files.append(RasterFile(write_scene(path, rng.integers(1, 200, (1, 20, 20), np.uint8))))
    ready = Preflight.of(ScenePair.of(*files), ChangeOptions(workers=1))
    assert ready.dates == dates
    line = [n for n in ready.notes if "season" in n or ("20" in n and "shift" not in n)]
    assert (told in line[0]) if told else not line
