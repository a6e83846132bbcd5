"""A VRT says where pixels are, and GDAL goes there: only what lies beside it, is a raster and runs nothing passes."""

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.vrt import WarpedVRT

from geoglm.errors import FileRefused, SceneNotFound, SceneUnreadable
from geoglm.io.geotiff import RasterFile
from geoglm.io.guard.raster import opened_name
from geoglm.io.guard.trust import Trust, trusting
from tests.conftest import write_scene

SOURCE = (
    '<SimpleSource><SourceFilename relativeToVRT="1">scene.tif</SourceFilename>'
    "<SourceBand>1</SourceBand></SimpleSource>"
)
RAW = (
    '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="{beside}">'
    "{file}</SourceFilename><ImageOffset>0</ImageOffset><PixelOffset>1</PixelOffset><LineOffset>50</LineOffset>"
    "</VRTRasterBand>"
)
PYTHON = (
    '<VRTRasterBand dataType="Byte" band="1" subClass="VRTDerivedRasterBand"><PixelFunctionType>go</PixelFunctionType>'
    "<PixelFunctionLanguage>Python</PixelFunctionLanguage><PixelFunctionCode>open({mark!r}, 'w').close()\n"
    "def go(a, out, *rest, **more): out[:] = 1</PixelFunctionCode>" + SOURCE + "</VRTRasterBand>"
)


@pytest.fixture(autouse=True)
def scene(tmp_path: Path) -> Path:
    """The scene that VRTs of the tests draw on, 40 x 50 px."""
    return write_scene(tmp_path / "scene.tif", np.random.default_rng(0).integers(1, 255, (1, 40, 50), dtype=np.uint8))


def vrt(folder: Path, body: str, *, name: str = "s.vrt", root: str = "", before: str = "") -> Path:
    """A VRT of 50 x 40 px with `body`, as a file."""
    path = folder / name
    path.write_text(f'{before}<VRTDataset rasterXSize="50" rasterYSize="40" {root}>{body}</VRTDataset>')
    return path


def band(inner: str = SOURCE, more: str = "") -> str:
    return f'<VRTRasterBand dataType="Byte" band="1" {more}>{inner}</VRTRasterBand>'


def naming(file: str | Path, beside: str = "0") -> str:
    return band(SOURCE.replace('relativeToVRT="1">scene.tif', f'relativeToVRT="{beside}">{file}'))


@pytest.mark.parametrize("name", ["s.vrt", "s.tif"])
def test_raw_bands_which_could_be_any_file_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(range(256)) * 8)
    for beside, file in ((1, "secret"), (0, "/etc/passwd"), (1, "../../../../../../etc/passwd")):
        with pytest.raises(FileRefused, match="raw pixels"):
            RasterFile(vrt(tmp_path, RAW.format(beside=beside, file=file), name=name))


def test_python_in_a_vrt_is_refused_and_never_run_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDAL_VRT_ENABLE_PYTHON", "YES")
    mark = str(tmp_path / "ran")
    with pytest.raises(FileRefused, match="Python"):
        RasterFile(vrt(tmp_path, PYTHON.format(mark=mark)))
    assert not Path(mark).exists()


def test_gdal_runs_no_python_even_where_a_vrt_gets_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_VRT_ENABLE_PYTHON", "YES")
    mark = tmp_path / "ran"
    path = vrt(tmp_path, PYTHON.format(mark=str(mark)))
    source = RasterFile(tmp_path / "scene.tif")
    source._mine.dataset = opened_name(str(path), ["VRT"], path, Trust())
    with pytest.raises(Exception, match=r"[Pp]ython"):
        source.read(source.meta.box, [0])
    assert not mark.exists()


@pytest.mark.parametrize(
    "place",
    [
        "/vsicurl/http://127.0.0.1:1/a.tif",
        "/vsis3/bucket/a.tif",
        "/vsizip/a.zip/a.tif",
        "http://127.0.0.1:1/a.tif",
        "WMS:http://127.0.0.1:1/?SERVICE=WMS",
        "&lt;GDAL_WMS&gt;&lt;Service name='TMS'/&gt;&lt;/GDAL_WMS&gt;",
        "vrt://scene.tif",
        "//server/share/a.tif",
        '{"type": "gdal_streamed_alg"}',
    ],
)
def test_what_lies_elsewhere_is_refused(tmp_path: Path, place: str) -> None:
    for beside in "01":
        with pytest.raises(FileRefused, match="draws on"):
            RasterFile(vrt(tmp_path, naming(place, beside)))


def test_files_outside_the_folder_want_the_word_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "link.tif").symlink_to(tmp_path / "scene.tif")
    for path in (
        vrt(tmp_path / "inner", naming("../scene.tif", "1")),
        vrt(tmp_path / "inner", naming(tmp_path / "scene.tif"), name="b.vrt"),
        vrt(tmp_path / "inner", naming("link.tif", "1"), name="c.vrt"),
    ):
        with pytest.raises(FileRefused, match="--allow-vrt-source"):
            RasterFile(path)
        with trusting(Trust(folders=(tmp_path,))):
            source = RasterFile(path)
        assert source.read(source.meta.box, [0])[0].any()  # it stays trusted


def test_a_source_of_another_kind_is_refused_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "map.tif").write_text("<GDAL_WMS></GDAL_WMS>")
    with pytest.raises(FileRefused, match="no VRT of pixels"):
        RasterFile(vrt(tmp_path, naming("map.tif", "1")))
    (tmp_path / "map.tif").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    with pytest.raises(FileRefused, match="no GeoTIFF or JPEG 2000"):
        RasterFile(vrt(tmp_path, naming("map.tif", "1")))
    with pytest.raises(FileRefused, match="not there"):
        RasterFile(vrt(tmp_path, naming("none.tif", "1")))
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(FileRefused, match="not a regular file"):
        RasterFile(vrt(tmp_path, naming("pipe.tif", "1")))


def test_vrts_within_vrts_end(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="draws on itself"):
        RasterFile(vrt(tmp_path, naming("s.vrt", "1")))
    for k in range(12):
        vrt(tmp_path, naming(f"{k + 1}.vrt" if k < 11 else "scene.tif", "1"), name=f"{k}.vrt")
    with pytest.raises(FileRefused, match="deep"):
        RasterFile(tmp_path / "0.vrt")
    assert RasterFile(tmp_path / "8.vrt").meta.box.shape == (40, 50)
    for k in range(6):
        vrt(tmp_path, naming(f"{k + 1}.vrt" if k < 5 else "scene.tif", "1") * 20, name=f"{k}.vrt")
    with pytest.raises(FileRefused, match="opens more than"):
        RasterFile(tmp_path / "0.vrt")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (band() + "<Metadata domain='OVERVIEWS'><MDI key='OVERVIEW_FILE'>/etc/passwd</MDI></Metadata>", "metadata"),
        ("<Metadata domain='GEOLOCATION'><MDI key='X_DATASET'>/etc/passwd</MDI></Metadata>" + band(), "metadata"),
        (band(more='sourceFilename="/etc/passwd"'), "unusual place"),
        (band(SOURCE.replace('"1"', '"01"')), "it is 0 or 1"),
        (band(SOURCE.replace("scene.tif", "<b>/etc/passwd</b>")), "no plain name"),
        (band(SOURCE.replace("scene.tif", "/etc/passwd<!-- -->/../scene.tif")), "comment"),
        (band(SOURCE.replace("scene.tif", "/etc/passwd<![CDATA[x]]>")), "CDATA"),
        ("<SRS>https://example.org/a.wkt</SRS>" + band(), "coordinate system"),
        ("<SRS>+proj=longlat +nadgrids=/etc/passwd</SRS>" + band(), "coordinate system"),
        ("<ProcessingSteps/>" + band(), "processingsteps"),
        ("<Group name='/'/>" + band(), "group"),
        (band(more='subClass="VRTPluginRasterBand"'), "VRTPluginRasterBand"),
    ],
)
def test_what_a_vrt_has_no_need_of_is_refused(tmp_path: Path, body: str, why: str) -> None:
    with pytest.raises(FileRefused, match=why):
        RasterFile(vrt(tmp_path, body))


@pytest.mark.parametrize(
    "before",
    [
        '<!DOCTYPE a [<!ENTITY b "ha">]>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        "<?xml-stylesheet href='http://127.0.0.1:1/'?>",
    ],
)
def test_xml_that_reaches_beyond_itself_is_refused(tmp_path: Path, before: str) -> None:
    with pytest.raises(FileRefused, match="document type"):
        RasterFile(vrt(tmp_path, band(), before=before))


def test_names_in_large_and_small_letters_are_one_as_for_gdal(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="raw pixels"):
        RasterFile(
            vrt(tmp_path, RAW.format(beside=0, file="/etc/passwd").swapcase().replace("/ETC/PASSWD", "/etc/passwd"))
        )


def test_a_loop_of_links_and_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").symlink_to(tmp_path / "b.tif")
    (tmp_path / "b.tif").symlink_to(tmp_path / "a.tif")
    with pytest.raises((FileRefused, SceneNotFound)):
        RasterFile(tmp_path / "a.tif")
    os.mkfifo(tmp_path / "pipe.tif")
    for path in (tmp_path / "pipe.tif", Path("/dev/zero")):
        with pytest.raises(FileRefused, match="not a regular file"):
            RasterFile(path)
    with pytest.raises(SceneUnreadable, match="in this folder"):
        RasterFile(tmp_path)


def test_vrts_that_gdal_itself_writes_are_read(tmp_path: Path, scene: Path) -> None:
    with rasterio.open(scene) as file:
        pixels = file.read()
        rasterio.shutil.copy(file, tmp_path / "plain.vrt", driver="VRT")
        with WarpedVRT(file, crs="EPSG:32632") as warped:
            rasterio.shutil.copy(warped, tmp_path / "warped.vrt", driver="VRT")
    assert (RasterFile(tmp_path / "plain.vrt").read(RasterFile(scene).meta.box, [0])[0] == pixels).all()
    assert RasterFile(tmp_path / "warped.vrt").meta.georef.crs is not None
    vrt(tmp_path, naming("plain.vrt", "1"), name="nested.vrt")
    assert (RasterFile(tmp_path / "nested.vrt").read(RasterFile(scene).meta.box, [0])[0] == pixels).all()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.vrt").symlink_to(tmp_path / "plain.vrt")  # its folder is that of the file itself
    assert RasterFile(tmp_path / "elsewhere" / "link.vrt").meta.box.shape == (40, 50)
