"""The server beside the rasters: pixels, areas and values are those of the files, and nobody else is let in."""

from __future__ import annotations

import io
import urllib.request
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import rasterio
from PIL import Image
from starlette.testclient import TestClient

from geoglm.apps.viewer import serve
from geoglm.apps.viewer.layers import View
from geoglm.errors import OutputError
from tests.apps.viewer.conftest import HEIGHT, LEGEND, WIDTH

KEYS = {"scene": "0-scene", "confidence": "1-confidence", "classes": "2-classes"}


def pixels(client: TestClient, address: str) -> np.ndarray:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


def raster(results: Path, name: str, level: int = 0) -> np.ndarray:
    with rasterio.open(results / name, **({"overview_level": level - 1} if level else {})) as file:
        return file.read(1)


@pytest.mark.parametrize(("level", "row", "col"), [(0, 0, 0), (0, 2, 3), (1, 1, 1), (2, 0, 0)])
def test_a_tile_of_classes_has_the_colours_of_the_raster(
    client: TestClient, results: Path, level: int, row: int, col: int
) -> None:
    values = raster(results, "classes.tif", level)[row * 256 :, col * 256 :][:256, :256]
    wanted = np.zeros((256, 256, 4), np.uint8)
    for c in LEGEND:
        wanted[: values.shape[0], : values.shape[1]][values == c.value] = (*c.rgb, 255)
    got = pixels(client, f"/tiles/{KEYS['classes']}/{level}/{row}/{col}.png")
    assert (got[..., 3] == wanted[..., 3]).all()
    assert (got[wanted[..., 3] > 0] == wanted[wanted[..., 3] > 0]).all()


def test_classes_that_are_hidden_or_too_unsure_are_not_drawn(client: TestClient, results: Path) -> None:
    values, sure = raster(results, "classes.tif")[:256, 256:512], raster(results, "confidence.tif")[:256, 256:512]
    got = pixels(client, f"/tiles/{KEYS['classes']}/0/0/1.png?hide=0.4&least=40")
    assert ((got[..., 3] > 0) == ((values == 1) & (sure >= 40))).all()


def test_a_tile_of_the_scene_is_the_scene_stretched(client: TestClient, view: View) -> None:
    ((low, high), *same) = view.layers[0].stretch
    assert same == [(low, high)] * 2
    with rasterio.open(view.layers[0].raster.path) as file:
        scene = file.read()[:, 256:512, :256].astype(np.float64)
    got = pixels(client, f"/tiles/{KEYS['scene']}/0/1/0.png")
    wanted = ((scene - low) / (high - low) * 255).clip(0, 255)
    assert np.abs(got[..., :3] - np.moveaxis(wanted, 0, 2)).max() <= 0.51
    assert (got[..., 3] == 255).all()


@pytest.mark.parametrize("box", [(0, 0, HEIGHT, WIDTH), (10, 20, 131, 777)])
def test_areas_are_those_of_counting(client: TestClient, results: Path, box: tuple[int, int, int, int]) -> None:
    top, left, bottom, right = box
    values, sure = (raster(results, n)[top:bottom, left:right] for n in ("classes.tif", "confidence.tif"))
    query = f"layer={KEYS['classes']}&top={top}&left={left}&bottom={bottom}&right={right}&least=30"
    told = client.get(f"/areas?{query}").json()
    assert told["exact"]
    for c in told["classes"]:
        counted = int(((values == c["value"]) & (sure >= 30)).sum())
        assert c["pixels"] == counted
        assert c["hectares"] == pytest.approx(counted * 0.25 / 1e4)


def test_a_pixel_is_told_as_it_is(client: TestClient, results: Path, view: View) -> None:
    told = client.get("/at?row=333&col=555").json()
    layers = {layer["key"]: layer for layer in told["layers"]}
    value, sure = (int(raster(results, n)[333, 555]) for n in ("classes.tif", "confidence.tif"))
    named = {c.value: c.name for c in LEGEND}
    found = layers[KEYS["classes"]]
    assert (found["value"], found["name"], found["confidence"]) == (value, named[value], sure)
    assert found["probabilities"] == [["water", sure], ["land", 100 - sure], ["<b>road</b>", 0]]
    assert KEYS["confidence"] not in layers  # told with the class
    with rasterio.open(view.layers[0].raster.path) as file:
        assert [v for _, v in layers[KEYS["scene"]]["bands"]] == file.read()[:, 333, 555].tolist()
        assert (told["place"]["x"], told["place"]["y"]) == file.xy(333, 555)
    (shape,) = told["polygons"]
    assert shape["properties"] == {"class_id": value, "class_name": named[value]}
    assert shape["geometry"]["coordinates"][0][0] in [[a, b] for a in (550, 600) for b in (300, 350)]


def test_polygons_of_a_window_come_in_its_pixels(client: TestClient, results: Path) -> None:
    told = client.get("/polygons/0?top=60&left=60&bottom=90&right=240").json()
    corners = np.array([f["geometry"]["coordinates"][0] for f in told["features"]]).reshape(-1, 2)
    assert not told["more"]
    there = raster(results, "classes.tif")[50:100:50, 50:250:50] != 255
    assert len(told["features"]) == there.sum()
    assert (corners % 50 == 0).all()
    assert corners.min() >= 50


@pytest.mark.parametrize(
    "path",
    [
        "/../manifest.json",
        "/%2e%2e/manifest.json",
        "/leaflet/..%2f..%2f__init__.py",
        "/manifest.json",
        "/tiles/..%2f..%2fscene.tif/0/0/0.png",
        "/tiles/0-scene/0/0/../../../../etc/passwd",
        "/leaflet/leaflet-src.js",
        "/polygons/7?top=0&left=0&bottom=9&right=9",
        "/at?row=600&col=3",
        "/areas?layer=nothing&top=0&left=0&bottom=9&right=9",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/at?row=x&col=3", "/at?row=1", "/tiles/2-classes/0/0/0.png?least=1e9"])
def test_requests_that_make_no_sense_are_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 400


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.168.1.5"])
def test_a_foreign_name_of_the_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/view.json", headers={"Host": host}).status_code == 400


def test_pages_run_nothing_but_their_own_scripts(client: TestClient) -> None:
    for path in ("/", "/view.json", "/at?row=1&col=1", "/tiles/2-classes/0/0/0.png"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'self';" in policy
        assert "unsafe" not in policy


def test_a_server_in_a_thread_answers_until_it_is_closed(results: Path) -> None:
    with serve(results) as viewer:
        assert viewer.url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(viewer.url) as page:
            assert b"leaflet" in page.read()
        port = int(viewer.url.rsplit(":", 1)[1].strip("/"))
        with pytest.raises(OutputError, match=f"port {port}.*another --port"):
            serve(results, port=port)
    with pytest.raises(URLError):
        urllib.request.urlopen(viewer.url)
    viewer.close()
