"""The page of a report in Chromium: however many pictures there are, none leaves a hole beside it."""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from geoglm.io.report.page import page
from geoglm.io.report.parts import Picture, Section
from geoglm.io.report.pictures import SIDE_PX, stretched_picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium")
HOLES = """() => {
    const figures = [...document.querySelectorAll("figure")].map(f => f.getBoundingClientRect());
    const left = Math.min(...figures.map(f => f.left)), right = Math.max(...figures.map(f => f.right));
    const inside = (x, y) => figures.some(f => f.left - 25 < x && x < f.right + 25 && f.top <= y && y <= f.bottom);
    const columns = [...Array(12).keys()].map(k => left + (right - left) * (k + 0.5) / 12);
    const rows = figures.map(f => (f.top + f.bottom) / 2);
    return {holes: rows.flatMap(y => columns.filter(x => !inside(x, y))).length, width: right - left,
            most: Math.max(...figures.map(f => f.width)), tops: figures.map(f => f.top)};
}"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (apt-get install chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize(("width", "media"), [(1180, "screen"), (680, "print")], ids=["screen", "print"])
def test_no_picture_leaves_a_hole_beside_it(browser: "Browser", number: int, width: int, media: str) -> None:
    shown = browser.new_page(viewport={"width": width, "height": 900})
    shown.emulate_media(media=media)
    shown.set_content(page("title", "under", [Section("Maps", [picture(40, 60)] * number)]))
    found = shown.evaluate(HOLES)
    shown.close()
    assert found["holes"] == 0
    assert found["width"] > 0.9 * width
    assert number == 1 or found["most"] < 0.7 * width


def test_pictures_of_a_narrow_screen_are_one_below_the_other(browser: "Browser") -> None:
    shown = browser.new_page(viewport={"width": 420, "height": 900})
    shown.set_content(page("title", "under", [Section("Maps", [picture(40, 60)] * 3)]))
    found = shown.evaluate(HOLES)
    assert found["tops"] == sorted(set(found["tops"]))
    assert found["most"] == found["width"] > 0.85 * 420


@pytest.mark.parametrize(("height", "width"), [(40, 60), (500, 901), (1, 1), (900, 300)])
def test_few_pixels_are_enlarged_by_a_whole_number(browser: "Browser", height: int, width: int) -> None:
    shown = browser.new_page()
    shown.set_content(f'<img src="{picture(height, width).source}">')
    size = shown.evaluate("() => { const i = document.images[0]; return [i.naturalHeight, i.naturalWidth]; }")
    shown.close()
    times = max(1, SIDE_PX // max(height, width))
    assert size == [height * times, width * times]


def picture(height: int, width: int) -> Picture:
    return stretched_picture(np.full((height, width, 3), 0.5, np.float32), "a picture")
