"""Scenes behind http, in S3 and in STAC items are read like files of this machine."""

import json
import shutil
import socket
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from click.testing import CliRunner

from benchmarks.slow_source import RangeServer
from geoglm.apps.cli import main
from geoglm.errors import SceneError, SceneUnreachable, SceneUnreadable
from geoglm.io.geotiff import RasterFile
from geoglm.io.remote import Remote, scene_ref, without_secrets
from geoglm.io.source import Source
from tests.conftest import UTM, pointwise, write_scene
from tests.io.s3_server import SECRET, S3Server


@pytest.fixture
def served(tmp_path: Path) -> Iterator[RangeServer]:
    """A server of `tmp_path`, in which lies a scene of 300 x 400 px."""
    pixels = np.random.default_rng(0).integers(1, 255, (3, 300, 400), dtype=np.uint8)
    write_scene(tmp_path / "scene.tif", pixels, tiled=True, blockxsize=128, blockysize=128, compress="deflate")
    with RangeServer(tmp_path) as server:
        yield server


def whole(source: Source) -> np.ndarray:
    return source.read(source.meta.box, range(len(source.meta.bands)))[0]


def test_a_scene_behind_a_url_is_the_scene_of_the_file(served: RangeServer, tmp_path: Path) -> None:
    here, there = RasterFile(tmp_path / "scene.tif"), RasterFile(scene_ref(f"{served.url}/scene.tif"))
    assert (whole(here) == whole(there)).all()
    assert there.meta.georef == here.meta.georef
    assert there.meta.name == "scene"
    assert served.sent < 2 * (tmp_path / "scene.tif").stat().st_size


def test_the_map_of_a_url_is_that_of_the_file_and_the_manifest_keeps_no_secret(
    served: RangeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(pointwise(tmp_path / "model").folder)
    url = f"{served.url}/scene.tif?signature=hidden"
    arguments = ["segment", url, "-m", model, "--vectors", "none", "--quiet"]
    monkeypatch.setattr("sys.argv", ["geoglm", *arguments])
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(main, arguments)
    assert (told.exit_code, told.output) == (0, "")
    text = (tmp_path / "scene-geoglm" / "manifest.json").read_text()
    assert "hidden" not in text
    manifest = json.loads(text)
    assert manifest["scene"]["path"] == f"{served.url}/scene.tif"
    assert manifest["scene"]["bytes"] == str((tmp_path / "scene.tif").stat().st_size)
    told = CliRunner().invoke(main, ["segment", "scene.tif", "-o", "file", *arguments[2:]])
    assert (told.exit_code, told.output) == (0, "")
    for name in ("classes.tif", "confidence.tif"):
        assert (tmp_path / "file" / name).read_bytes() == (tmp_path / "scene-geoglm" / name).read_bytes()


SECRETS = ("hidden", "passw0rd")


def test_no_output_and_no_word_of_a_run_holds_a_secret(
    served: RangeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(pointwise(tmp_path / "model").folder)
    address = served.url.replace("http://", "http://me:passw0rd@")
    arguments = [
        "segment",
        f"{address}/scene.tif?signature=hidden",
        "-m",
        model,
        "-o",
        str(tmp_path / "out"),
        "--verbose",
    ]
    monkeypatch.setattr("sys.argv", ["geoglm", *arguments])
    told = CliRunner().invoke(main, arguments)
    assert told.exit_code == 0, told.output
    written = {p.name: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert {"manifest.json", "summary.json", "report.html", "item.json"} <= set(written)
    for name, content in (*written.items(), ("stderr", told.output.encode())):
        assert not [secret for secret in SECRETS if secret.encode() in content], name


@pytest.mark.parametrize(
    "scene",
    [
        "http://me:passw0rd@127.0.0.1:1/none.tif?signature=hidden",
        "http://me:pass/passw0rd@127.0.0.1:1/none.tif?signature=hidden",
        "/vsicurl?url=http%3A%2F%2Fme:passw0rd@127.0.0.1:1%2Fa.tif&header.Authorization=hidden",
        "/vsicurl/http://me:passw0rd@127.0.0.1:1/none.tif?signature=hidden",
        "http://me:passw0rd@127.0.0.1:1/item.json?signature=hidden",
    ],
)
@pytest.mark.parametrize("command", ["info", "segment"])
def test_no_error_holds_a_secret(tmp_path: Path, scene: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = ["-m", str(pointwise(tmp_path / "model").folder)]
    told = CliRunner().invoke(main, [command, scene, *model * (command == "segment"), "--verbose"])
    assert told.exit_code == 2
    assert not [secret for secret in SECRETS if secret in told.output], told.output


def test_a_scene_in_s3_is_read_with_the_keys_of_the_environment(
    served: RangeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bucket").mkdir()
    shutil.copy(tmp_path / "scene.tif", tmp_path / "bucket" / "scene.tif")
    with S3Server(tmp_path) as server:
        for name, value in server.settings().items():
            monkeypatch.setenv(name, value)
        there = RasterFile(scene_ref("s3://bucket/scene.tif"))
        assert (whole(there) == whole(RasterFile(tmp_path / "scene.tif"))).all()
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET + "x")
        with pytest.raises(SceneUnreachable, match="check the credentials"):
            RasterFile(scene_ref("s3://bucket/other.tif"))


class Plain(BaseHTTPRequestHandler):
    """A server that knows no ranges."""

    def do_GET(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"II*\0")

    def log_message(self, *_: object) -> None:
        pass


def test_what_is_not_to_be_had_is_said_in_one_line(
    served: RangeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geoglm.io.remote.PATIENCE_S", 1)
    (tmp_path / "text.tif").write_text("no raster")
    whole_file = (tmp_path / "scene.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole_file[: len(whole_file) // 2])
    (tmp_path / "item.json").write_text("[]")
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    lines = {
        f"{served.url}/none.tif": "there is no such file on the server",
        "https://no.such.host.invalid/scene.tif": "there is no such host",
        f"http://127.0.0.1:{port}/scene.tif": "does not answer",
        f"{served.url}/text.tif": "not recognized",
        f"{served.url}/cut.tif": "cut short",
        f"{served.url}/item.json": "it is no STAC item",
        f"{served.url}/none.json": "there is no such file on the server",
        "s3://bucket/item.json": "download it first",
        "/vsizip/none.zip/scene.tif": "there is no such file",
    }
    for scene, line in lines.items():
        told = CliRunner().invoke(main, ["segment", scene, "-o", str(tmp_path / "out")])
        assert told.exit_code == 2, scene
        assert told.stderr.count("\n") == 1, told.stderr
        assert line in told.stderr, told.stderr
        assert not (tmp_path / "out").exists()
    silent.close()
    with RangeServer(tmp_path) as plain:
        plain.RequestHandlerClass = Plain
        with pytest.raises(SceneUnreachable, match="gives no parts of files"):
            RasterFile(Remote(f"{plain.url}/scene.tif"))


def test_a_folder_by_its_dots_has_a_name_and_nothing_at_all_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "product" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "product" / "deep")
    assert (scene_ref(".").name, scene_ref("..").name, scene_ref("../deep").name) == ("deep", "product", "deep")
    for nothing in ("", "/"):
        with pytest.raises(SceneError, match=f"'{nothing}' names no scene"):
            scene_ref(nothing)
        told = CliRunner().invoke(main, ["segment", nothing])
        assert (told.exit_code, told.stderr.count("\n")) == (2, 1)
        assert "names no scene" in told.stderr


def test_secrets_are_taken_out_of_addresses_and_of_nothing_else() -> None:
    assert without_secrets("https://me:word@host:8/a.tif?sig=x") == "https://host:8/a.tif"
    assert without_secrets("/vsicurl/https://me@host/a.tif?sig=x") == "/vsicurl/https://host/a.tif"
    assert without_secrets("what? me@home.tif") == "what? me@home.tif"
    assert without_secrets("HTTPS://me:p@ss@host/a.tif") == "HTTPS://host/a.tif"
    assert without_secrets("s3://KEY:a/b+c@bucket/a@b.tif") == "s3://bucket/a@b.tif"
    assert without_secrets("'/vsis3/KEY:a/b@bucket/a.tif' is not there") == "'/vsis3/bucket/a.tif' is not there"
    assert without_secrets("/vsicurl?url=https%3A%2F%2Fme:word@host&header.Authorization=x y") == "/vsicurl y"


def item_of(folder: Path, assets: dict[str, dict[str, Any]]) -> Path:
    path = folder / "item.json"
    path.write_text(json.dumps({"type": "Feature", "stac_version": "1.0.0", "assets": assets}))
    return path


@pytest.fixture
def landscape(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Assets: three of 10 m, two of 20 m of which one has nodata, a picture and a document."""
    rng = np.random.default_rng(3)
    assets: dict[str, dict[str, Any]] = {}
    for name, common in (("B02", "blue"), ("B03", "green"), ("B04", "red"), ("B05", "rededge"), ("B06", "rededge")):
        side = 20 if common == "rededge" else 10
        pixels = rng.integers(1, 9000, (1, 600 // side, 800 // side), dtype=np.uint16)
        grid = Affine(side, 0, UTM.c, 0, -side, UTM.f)
        write_scene(tmp_path / f"{name}.tif", pixels, transform=grid, nodata=0 if name == "B06" else None)
        assets[name] = {"href": f"./{name}.tif", "eo:bands": [{"name": name, "common_name": common}], "roles": ["data"]}
    assets["look"] = {"href": "./B02.tif", "eo:bands": [{"name": "red"}], "roles": ["visual"]}
    assets["about"] = {"href": "./about.xml", "roles": ["metadata"]}
    return assets


def test_a_stac_item_is_its_bands_on_the_finest_grid(tmp_path: Path, landscape: dict[str, dict[str, Any]]) -> None:
    stack = RasterFile(scene_ref(item_of(tmp_path, landscape)))
    assert stack.meta.bands == ("blue", "green", "red", "B05", "B06")
    assert stack.meta.gsd == pytest.approx(10, rel=1e-3)
    assert stack.meta.box.shape == (60, 80)
    pixels = whole(stack)
    for k, name in enumerate(("B02", "B03", "B04")):
        assert (pixels[k] == whole(RasterFile(tmp_path / f"{name}.tif"))[0]).all()
    coarse = whole(RasterFile(tmp_path / "B05.tif"))[0].astype(float)
    down, across = ((np.arange(2 * n) + 0.5) / 2 - 0.5 for n in coarse.shape)
    rows, cols = (np.clip(a, 0, n - 1) for a, n in zip((down, across), coarse.shape, strict=True))
    top, left = np.floor(rows).astype(int), np.floor(cols).astype(int)
    low, right = (np.minimum(a + 1, n - 1) for a, n in zip((top, left), coarse.shape, strict=True))
    y, x = (rows - top)[:, None], (cols - left)[None]
    plain = (coarse[top][:, left] * (1 - y) + coarse[low][:, left] * y) * (1 - x)
    plain += (coarse[top][:, right] * (1 - y) + coarse[low][:, right] * y) * x
    assert np.abs(pixels[3] - plain).max() <= 1


def test_an_item_behind_a_url_draws_on_its_neighbours_and_on_nothing_here(
    served: RangeServer, tmp_path: Path, landscape: dict[str, dict[str, Any]]
) -> None:
    here = RasterFile(scene_ref(item_of(tmp_path, landscape)))
    there = RasterFile(scene_ref(f"{served.url}/item.json"))
    assert (whole(here) == whole(there)).all()
    landscape["B02"]["href"] = str(tmp_path / "B02.tif")
    item_of(tmp_path, landscape)
    with pytest.raises(SceneUnreachable):
        RasterFile(scene_ref(f"{served.url}/item.json"))
    landscape["B02"]["href"] = "file:///etc/passwd.tif"
    item_of(tmp_path, landscape)
    with pytest.raises(SceneUnreadable, match="neither a file beside it nor behind https"):
        RasterFile(scene_ref(f"{served.url}/item.json"))


def test_an_item_without_bands_or_in_two_systems_is_refused(
    tmp_path: Path, landscape: dict[str, dict[str, Any]]
) -> None:
    with pytest.raises(SceneUnreadable, match="without an asset that is a band"):
        RasterFile(scene_ref(item_of(tmp_path, {"look": landscape["look"], "about": landscape["about"]})))
    write_scene(tmp_path / "B02.tif", np.ones((1, 60, 80), np.uint16), crs="EPSG:32634")
    with pytest.raises(SceneUnreadable, match="several coordinate reference systems"):
        RasterFile(scene_ref(item_of(tmp_path, landscape)))
