"""The report: everything inside, nothing unescaped, the figures those of the run."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

import geoglm
from geoglm.errors import OutputError
from geoglm.options import SegmentOptions
from tests.conftest import SAMPLES


class Page(HTMLParser):
    """Addresses, tags and text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dutch") / "results"
    geoglm.segment_file(SAMPLES / "dutch-river.tif", folder, SegmentOptions(vectors="none"))
    return folder


def test_it_needs_nothing_but_itself(results: Path, tmp_path: Path) -> None:
    path = geoglm.report(results, tmp_path / "page.html")
    page, text = Page(path), path.read_text(encoding="utf-8")
    assert path.stat().st_size < 3_000_000
    assert len(page.addresses) == 3
    assert not {"script", "link", "iframe", "object", "embed", "form"} & set(page.tags)
    assert not re.search(r"url\(|@import", text)
    for address in page.addresses:
        kind, content = address.split(";base64,")
        image = Image.open(io.BytesIO(base64.b64decode(content)))
        assert kind == f"data:image/{(image.format or '').lower()}"
        assert image.size == (900, 900)


def test_the_figures_are_those_of_the_run(results: Path, tmp_path: Path) -> None:
    page = Page(geoglm.report(results, tmp_path / "page.html"))
    summary = json.loads((results / "summary.json").read_text())
    for c in summary["classes"]:
        assert f"{c['name']}" in page.text
        assert f"{100 * c['share']:.1f} %" in page.text
        assert f"{c['pixels']:,}" in page.text
    manifest = json.loads((results / "manifest.json").read_text())
    for told in (manifest["scene"]["sha256"], manifest["model"]["weights_sha256"], manifest["made"]):
        assert told in page.text


def test_an_assessment_in_the_folder_is_told_with_its_intervals(results: Path) -> None:
    estimate = {"value": 0.912, "standard_error": 0.0153, "low": 0.882, "high": 0.942}
    row = dict.fromkeys(("users_accuracy", "producers_accuracy", "share"), estimate)
    found = {"overall_accuracy": estimate, "units": 50, "classes": {"land <b>": row}, "error_matrix": [[1.0]]}
    (results / "assessment.json").write_text(json.dumps(found))
    try:
        page = Page(geoglm.report(results, results.parent / "assessed.html"))
    finally:
        (results / "assessment.json").unlink()
    assert "91.2 ± 3.0 %" in page.text
    assert "land <b>" in page.text
    assert "b" not in page.tags


def test_a_folder_without_results_is_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no results"):
        geoglm.report(tmp_path)
    assert not list(tmp_path.iterdir())
