"""The page as a person meets it, in headless Chromium: what is drawn is the raster, and nothing leaves this machine."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from geoglm.apps.viewer import Viewer, serve
from tests.apps.viewer.conftest import HEIGHT, LEGEND, WIDTH

CHROMIUM = shutil.which("chromium")
ARGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
MAP = (580, 600)
"""Width and height of the map beside the panel, px."""
ABORTED = "net::ERR_ABORTED"
"""A question that a newer one overtook."""
PLACE = "at=0/300/290"
"""One pixel of the screen for each of the raster, from the upper left corner of both."""
INNER = (slice(80, 560), slice(100, 560))
"""Rows and columns on which there are no buttons."""
CLASSES = f"#{PLACE}&on=2-classes&opacity=100,100,100"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (apt-get install chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def viewer(results: Path) -> Iterator[Viewer]:
    with serve(results) as viewer:
        yield viewer


@pytest.fixture
def page(browser: Browser, viewer: Viewer) -> Iterator[Page]:
    """A page that must not complain, nor ask anybody but the viewer."""
    context = browser.new_context(viewport={"width": MAP[0] + 320, "height": MAP[1]}, reduced_motion="reduce")
    page, complaints, asked = context.new_page(), [], []
    page.on("console", lambda line: complaints.append(line.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url) if request.failure != ABORTED else None)
    context.on("request", lambda request: asked.append(request.url))
    yield page
    context.close()
    assert complaints == []
    assert any("/tiles/" in address for address in asked)
    assert [a for a in asked if not a.startswith((viewer.url, "data:"))] == []


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    page.wait_for_selector("html[data-ready]", timeout=20_000)
    settled(page)
    return page


def settled(page: Page) -> None:
    """Until every tile has come and is no longer faded in."""
    page.wait_for_timeout(150)
    page.wait_for_function(
        """() => {
            const tiles = [...document.querySelectorAll(".leaflet-tile")];
            return tiles.length > 0 && tiles.every((t) => t.complete && getComputedStyle(t).opacity === "1");
        }"""
    )


def picture(page: Page) -> np.ndarray:
    """``(y, x, 3)`` bytes of the map on screen."""
    content = page.screenshot(clip={"x": 0, "y": 0, "width": MAP[0], "height": MAP[1]})
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def colours(results: Path, ground: np.ndarray) -> np.ndarray:
    """The picture that the map of classes is to give, `ground` where there is none."""
    with rasterio.open(results / "classes.tif") as file:
        classes = file.read(1)[: MAP[1], : MAP[0]]
    wanted = np.broadcast_to(ground, (*classes.shape, 3)).copy()
    for c in LEGEND:
        wanted[classes == c.value] = c.rgb
    return wanted


def ground_of(page: Page) -> np.ndarray:
    told = page.evaluate("getComputedStyle(document.getElementById('map')).backgroundColor")
    return np.array([int(n) for n in told.removeprefix("rgb(").strip(")").split(",")], np.uint8)


def test_tiles_on_screen_are_the_raster_pixel_by_pixel(page: Page, viewer: Viewer, results: Path) -> None:
    opened(page, viewer.url + CLASSES)
    wanted = colours(results, ground_of(page))
    assert (picture(page)[INNER] == wanted[INNER]).all()
    page.uncheck("#class-0")
    settled(page)
    hidden = np.where((wanted == LEGEND[0].rgb).all(axis=2, keepdims=True), ground_of(page), wanted)
    assert (picture(page)[INNER] == hidden[INNER]).all()


def test_from_afar_and_from_near_the_same_is_seen(page: Page, viewer: Viewer, results: Path) -> None:
    opened(page, viewer.url + CLASSES)
    wanted = colours(results, ground_of(page))
    page.keyboard.press("+")
    settled(page)
    near = picture(page)  # twice as large around row 300, column 290
    assert (near[INNER] == wanted[150:450, 145:435].repeat(2, 0).repeat(2, 1)[INNER]).all()
    page.keyboard.press("-")
    page.keyboard.press("-")
    settled(page)
    far = picture(page)[150:450, 145:435][:, 20:]  # half as large; fields are 25 px, and some pixels lie between two
    assert (far == wanted[::2, ::2][:, 20:]).all(axis=2).mean() > 0.9


def test_a_click_tells_class_confidence_and_polygon(page: Page, viewer: Viewer, results: Path) -> None:
    opened(page, viewer.url + CLASSES)
    with rasterio.open(results / "classes.tif") as classes, rasterio.open(results / "confidence.tif") as sure:
        values, percent = classes.read(1), sure.read(1)
    for c in LEGEND:
        row, col = np.argwhere(values[100:500, 120:500] == c.value)[7] + (100, 120)
        page.mouse.click(int(col) + 0.5, int(row) + 0.5)
        expect(page.locator("#at")).to_contain_text(f"column {col}, row {row}", timeout=15_000)
        assert page.inner_text("#at strong") == c.name
        told = page.inner_text("#at")
        assert f"· {percent[row, col]} %" in told
        assert f"class name\t{c.name}" in told
    assert page.locator("#at b").count() == 0  # what a file says is text


def test_the_divider_parts_two_layers_and_moves(page: Page, viewer: Viewer, results: Path) -> None:
    opened(page, viewer.url + CLASSES)
    wanted = colours(results, ground_of(page))
    page.keyboard.press("s")
    settled(page)
    grip = page.locator("#divider").bounding_box()
    assert grip is not None
    assert grip["x"] + grip["width"] / 2 == pytest.approx(MAP[0] / 2, abs=1)
    page.mouse.move(MAP[0] / 2, 300)
    page.mouse.down()
    page.mouse.move(200, 300, steps=4)
    page.mouse.up()
    seen = picture(page)
    right, left = (slice(330, 560), slice(220, 560)), (slice(330, 560), slice(20, 180))
    assert (seen[right] == wanted[right]).all()
    with rasterio.open(viewer.view.layers[0].raster.path) as file:
        scene = np.moveaxis(file.read()[:, : MAP[1], : MAP[0]], 0, 2).astype(float)
    low, high = viewer.view.layers[0].stretch[0]
    assert np.abs(seen[left] - ((scene - low) / (high - low) * 255).clip(0, 255)[left]).max() < 1
    page.keyboard.press("Shift+ArrowRight")
    assert page.get_attribute("#divider", "aria-valuenow") == str(round(100 * (200 / MAP[0] + 0.02)))


def test_areas_follow_the_screen_and_the_threshold(page: Page, viewer: Viewer, results: Path) -> None:
    opened(page, viewer.url + CLASSES)
    with rasterio.open(results / "classes.tif") as classes, rasterio.open(results / "confidence.tif") as sure:
        values, percent = (f.read(1)[: MAP[1], : MAP[0]] for f in (classes, sure))
    for least in (0, 40):
        page.fill("#least", str(least))
        counted = int(((values == 1) & (percent >= least)).sum())
        share = 100 * counted / int(((values != 255) & (percent >= least)).sum())
        expect(page.locator("#area-1")).to_contain_text(f"· {share:.1f} %", timeout=15_000)
        assert float(page.inner_text("#area-1").split()[0]) == pytest.approx(counted * 0.25 / 1e4, rel=0.005)
    settled(page)
    wanted = colours(results, ground_of(page))
    wanted[percent < 40] = ground_of(page)
    assert (picture(page)[INNER] == wanted[INNER]).all()


def test_an_address_shows_the_same_again_also_in_the_dark(page: Page, viewer: Viewer) -> None:
    opened(page, viewer.url)
    page.keyboard.press("3")
    page.keyboard.press("o")
    page.fill("#least", "25")
    page.uncheck("#class-4")
    page.keyboard.press("p")
    page.keyboard.press("+")
    settled(page)
    expect(page.locator("#outlines-told-0")).to_have_text(re.compile(r"\d+ here"))
    page.wait_for_function("() => location.hash.includes('least=25')")
    before, address = picture(page), page.url
    page.goto("about:blank")
    opened(page, address)
    expect(page.locator("#outlines-told-0")).to_have_text(re.compile(r"\d+ here"))
    assert not page.is_checked("#show-0-scene")
    assert not page.is_checked("#class-4")
    assert np.abs(picture(page).astype(int) - before).max() <= 1
    page.emulate_media(color_scheme="dark")
    assert max(ground_of(page)) < 40


def test_help_opens_and_everything_has_a_name(page: Page, viewer: Viewer) -> None:
    opened(page, viewer.url)
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button, [role=slider]")]
            .filter((e) => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).map((e) => e.outerHTML)"""
    )
    assert nameless == []
    assert tuple(page.evaluate("fetch('view.json').then((r) => r.json()).then((v) => [v.height, v.width])")) == (
        HEIGHT,
        WIDTH,
    )
