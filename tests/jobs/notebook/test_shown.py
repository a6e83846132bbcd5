"""What a notebook shows: tables in which nothing goes unescaped, and bars where there is a notebook."""

from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import geoglm
from geoglm.io.geotiff import RasterFile
from geoglm.jobs.change.run import ChangeResult
from geoglm.jobs.notebook.bar import bar_html, barred
from geoglm.jobs.planning import make_plan
from geoglm.jobs.result import ClassArea, SegmentResult
from geoglm.jobs.series.run import SeriesResult
from geoglm.options import SegmentOptions
from tests.conftest import SAMPLES, write_scene

EVIL = "<script>alert('x')</script>"


class Seen(HTMLParser):
    """Tags and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def shown() -> dict[str, str]:
    """The HTML of everything that has one, made of hostile words."""
    folder = Path(f"/nowhere/{EVIL}")
    segment = SegmentResult(folder, (ClassArea(0, EVIL, "#ff0000", 5, 1.0, 2.5),), 5, 0, {}, (EVIL,), 0)
    kind = {"name": EVIL, "pixels": 5, "area": 2.5, "share": 0.5}
    change = {
        **{"before": EVIL, "after": EVIL, "dates": (None, None), "method": EVIL, "method_why": EVIL, "seconds": 1.0},
        "change": {"unit": "ha", "changed_share": 0.5, "judged": 5.0, "kinds": [kind]},
        "notes": [EVIL],
    }
    series = {
        "dates": [{"date": "2019-07-01"}, {"date": "2020-07-01"}],
        "change": {"unit": EVIL, "first_change": [{"date": EVIL, "area": 1.0, "share": 0.5}]},
        "notes": [EVIL],
    }
    return {
        "segment": segment._repr_html_(),
        "change": ChangeResult(folder, change, (EVIL,))._repr_html_(),
        "series": SeriesResult(folder, series, (EVIL,))._repr_html_(),
        "bar": bar_html(EVIL, 1, 2, 3.0),
    }


@pytest.mark.parametrize("name", ["segment", "change", "series", "bar"])
def test_nothing_goes_unescaped(name: str) -> None:
    seen = Seen(shown()[name])
    assert "script" not in seen.tags
    assert EVIL in seen.text


def test_models_and_plans_tell_what_they_know() -> None:
    card = Seen(geoglm.load_model("aerial-landcover")._repr_html_())
    for word in ("aerial-landcover", "vegetation", "mean IoU", "licence"):
        assert word in card.text
    plan = make_plan(RasterFile(SAMPLES / "dutch-river.tif"), SegmentOptions())
    told = Seen(plan._repr_html_())
    for word in (plan.package.card.name, "patch px", plan.reasons["patch"]):
        assert word in told.text


def test_there_is_no_bar_outside_notebooks_and_none_where_progress_is_given() -> None:
    @barred
    def run(progress: object = None) -> object:
        return progress

    assert run() is None
    assert run(5) == run(progress=5) == 5


def test_a_notebook_shows_a_bar_while_it_works_and_the_areas_at_the_end(tmp_path: Path) -> None:
    write_scene(tmp_path / "scene.tif", np.full((3, 64, 64), 90, np.uint8))
    code = (
        "from pathlib import Path\nimport geoglm\nfrom geoglm.options import SegmentOptions\n"
        "options = SegmentOptions('aerial-landcover', vectors='none')\n"
        "import geoglm.jobs.notebook.bar as bar\nbar.EVERY_S = 0\nbar.Bar.close = lambda self: None\n"
        "geoglm.segment_file('scene.tif', Path('out'), options)",
        "result = geoglm.segment('scene.tif', 'aerial-landcover')\nresult.geoglm.areas()",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in code])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    first, second = (cell.outputs for cell in notebook.cells)
    assert "<progress" in first[0].data["text/html"]
    assert "hectares" in Seen(first[1].data["text/html"]).text
    assert "<progress" in second[0].data["text/html"]
    assert "hectares" in second[1].data["text/html"]
