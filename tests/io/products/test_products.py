"""Sentinel-2 and Landsat products, and bands by a pattern, made here as small as they can be."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from numpy.typing import NDArray

from geoglm.apps.cli import main
from geoglm.errors import FileRefused, GeoglmError, SceneNotFound, SceneUnreadable
from geoglm.io.geotiff import RasterFile, scene_files
from geoglm.io.guard.trust import Trust
from geoglm.io.products.landsat import MASKED_BITS, quality_pairs
from geoglm.io.products.product import scene_stem
from geoglm.io.series.days import day_of
from geoglm.jobs.manifest import file_hash
from geoglm.pixels.offset import told_zero

BANDS = {10: ("B02", "B03", "B04", "B08"), 20: ("B05", "B06", "B07", "B8A", "B11", "B12"), 60: ("B01", "B09", "B10")}
SIDE_PX = 96
STEM = "T33UUU_20240517T102031"
XML = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/"><n1:General_Info><Product_Info>
<PRODUCT_START_TIME>2024-05-17T10:20:31.024Z</PRODUCT_START_TIME><PROCESSING_BASELINE>05.10</PROCESSING_BASELINE>
</Product_Info><Product_Image_Characteristics>{offsets}</Product_Image_Characteristics></n1:General_Info></n1:Product>"""


def write(path: Path, pixels: NDArray[np.generic], metres: float, driver: str = "GTiff") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"QUALITY": "100", "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}
    where = Affine(metres, 0, 399_960, 0, -metres, 5_800_020)
    size = {"height": pixels.shape[0], "width": pixels.shape[1], "count": 1, "dtype": pixels.dtype}
    with rasterio.open(path, "w", driver=driver, crs="EPSG:32633", transform=where, **size, **options) as out:
        out.write(pixels, 1)
    return path


def band_pixels(name: str, metres: int) -> NDArray[np.uint16]:
    side = SIDE_PX * 10 // metres
    pixels = np.random.default_rng(sum(map(ord, name))).integers(1200, 5000, (side, side)).astype(np.uint16)
    pixels[0, 0] = 0
    return pixels


def safe(folder: Path, level: str = "1C", *, metadata: bool = True) -> Path:
    root = folder / f"S2A_MSIL{level}_20240517T102031_N0510_R065_T33UUU_20240517T120000.SAFE"
    images = root / f"GRANULE/L{level}_T33UUU_A046500_20240517T102026/IMG_DATA"
    for metres, names in BANDS.items():
        for name in names:
            sub = f"R{metres}m/{STEM}_{name}_{metres}m.jp2" if level == "2A" else f"{STEM}_{name}.jp2"
            if (level, name) != ("2A", "B10"):
                write(images / sub, band_pixels(name, metres), metres, "JP2OpenJPEG")
    if level == "2A":  # a coarser copy, and a mask that bears the name of a band
        write(images / f"R20m/{STEM}_B02_20m.jp2", band_pixels("coarse", 20), 20, "JP2OpenJPEG")
        write(images.parent / "QI_DATA/MSK_DETFOO_B02.jp2", band_pixels("mask", 10), 10, "JP2OpenJPEG")
    if metadata:
        tag = "BOA_ADD_OFFSET" if level == "2A" else "RADIO_ADD_OFFSET"
        offsets = "".join(f'<{tag} band_id="{k}">-1000</{tag}>' for k in range(13))
        (root / f"MTD_MSIL{level}.xml").write_text(XML.format(offsets=offsets))
    return root


@pytest.fixture(scope="module")
def l1c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return safe(tmp_path_factory.mktemp("l1c"))


@pytest.fixture(scope="module")
def l2a(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return safe(tmp_path_factory.mktemp("l2a"), "2A")


def test_bands_of_a_safe_folder_are_named_and_lie_on_the_finest_grid(l1c: Path) -> None:
    source = RasterFile(l1c)
    names = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
    assert source.meta.bands == names
    assert (source.meta.height, source.meta.width, source.meta.gsd) == (SIDE_PX, SIDE_PX, pytest.approx(10, rel=1e-3))
    pixels, valid = source.read(source.meta.box, [1])
    np.testing.assert_array_equal(pixels[0], band_pixels("B02", 10))
    assert not valid[0, 0]
    assert valid[1:, 1:].all()


def test_metadata_tell_offset_and_day(l1c: Path, l2a: Path) -> None:
    for scene, tag in ((l1c, "RADIO"), (l2a, "BOA"), (next((l2a / "GRANULE").iterdir()), "BOA")):
        meta = RasterFile(scene).meta
        told = told_zero((), dict(meta.product), full=10_000)
        assert told is not None
        assert (told.value, told.why) == (1000, f"its tag {tag}_ADD_OFFSET")
        assert str(day_of(meta, scene)) == "2024-05-17"


def test_l2a_takes_each_band_from_its_finest_file(l2a: Path) -> None:
    source = RasterFile(l2a)
    assert len(source.meta.bands) == 12
    assert "B10" not in source.meta.bands
    np.testing.assert_array_equal(source.read(source.meta.box, [1])[0][0], band_pixels("B02", 10))


def test_a_zip_reads_as_its_folder(l2a: Path, tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "S2A"), "zip", l2a.parent, l2a.name))
    zipped, folder = RasterFile(packed), RasterFile(l2a)
    assert zipped.meta.bands == folder.meta.bands
    tags = [dict(s.meta.product) | {"path": ""} for s in (zipped, folder)]
    assert tags[0] == tags[1]
    every = range(len(folder.meta.bands))
    np.testing.assert_array_equal(zipped.read(zipped.meta.box, every)[0], folder.read(folder.meta.box, every)[0])
    assert scene_files(packed) == [packed]


def test_one_command_and_no_band_option_segment_a_safe_folder(l1c: Path, tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["segment", str(l1c), "-o", str(tmp_path / "out"), "--vectors", "none", "--quiet"])
    assert told.exit_code == 0, told.output
    with rasterio.open(tmp_path / "out/classes.tif") as classes:
        assert (classes.shape, classes.crs.to_epsg()) == ((SIDE_PX, SIDE_PX), 32633)
        assert classes.read(1)[0, 0] == 255
        assert classes.read(1)[8:, 8:].max() < 9
    assert set(file_hash(l1c)["files"]) == {p.name for p in l1c.rglob("*.jp2")}


def test_several_granules_are_not_guessed_between(l1c: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(l1c, tmp_path / "two.SAFE")
    (first,) = (copy / "GRANULE").iterdir()
    shutil.copytree(first, copy / "GRANULE/other")
    with pytest.raises(SceneUnreadable, match="2 granules"):
        RasterFile(copy)
    assert len(RasterFile(first).meta.bands) == 13


def test_the_guard_looks_at_every_file(l1c: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(l1c, tmp_path / "bad.SAFE")
    image = next(copy.rglob("*_B11.jp2"))
    image.write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    with pytest.raises(GeoglmError, match=r"VRT"):
        RasterFile(copy)
    with pytest.raises(GeoglmError, match="no GeoTIFF or JPEG 2000"):
        RasterFile(Path(shutil.make_archive(str(tmp_path / "bad"), "zip", copy)))
    image.unlink()
    image.symlink_to(next(l1c.rglob("*_B11.jp2")))
    with pytest.raises(FileRefused, match="--allow-vrt-source"):
        RasterFile(copy)
    assert len(RasterFile(copy, trusted=Trust(folders=(l1c,))).meta.bands) == 13


def test_links_may_lead_to_no_other_place_and_folders_behind_them_are_not_looked_into(
    l1c: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(l1c, tmp_path / "bad.SAFE")
    images = next(copy.rglob("*_B11.jp2")).parent
    shutil.move(images, tmp_path / "IMG_DATA")
    images.symlink_to(tmp_path / "IMG_DATA", target_is_directory=True)
    with pytest.raises(SceneUnreadable, match="no Sentinel-2"):
        RasterFile(copy)
    (secret := tmp_path / "MTD_MSIL1C.xml").write_text(XML.format(offsets="<RADIO_ADD_OFFSET>-7</RADIO_ADD_OFFSET>"))
    other = shutil.copytree(l1c, tmp_path / "other.SAFE")
    next(other.glob("MTD_*.xml")).unlink()
    (other / "MTD_MSIL1C.xml").symlink_to(secret)
    with pytest.raises(FileRefused, match="outside the product"):
        RasterFile(other)


def packed_anew(packed: Path, renamed: Callable[[str], str], content: Callable[[str, bytes], bytes]) -> Path:
    """A copy of a zip with other names, or other content."""
    made = packed.with_name("made.zip")
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            if not member.is_dir():
                new.writestr(renamed(member.filename), content(member.filename, old.read(member)))
    return made


def test_a_zip_leads_nowhere_else_and_does_not_take_the_memory(l1c: Path, tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "S2A"), "zip", l1c.parent, l1c.name))
    for place in ("../", "/etc/", "a/../../", "C:\\"):
        with pytest.raises(FileRefused, match="outside"):
            RasterFile(packed_anew(packed, lambda name, place=place: place + name, lambda _, data: data))
    bomb = packed_anew(packed, str, lambda name, data: b"<!--" + bytes(80 * 2**20) if "MTD_MSIL" in name else data)
    assert bomb.stat().st_size < 2 * packed.stat().st_size
    with pytest.raises(FileRefused, match="MB of XML"):
        RasterFile(bomb)
    vrt = b"<VRTDataset rasterXSize='9' rasterYSize='9'/>"
    with pytest.raises(SceneUnreadable, match="no GeoTIFF or JPEG 2000"):
        RasterFile(packed_anew(packed, str, lambda name, data: vrt if name.endswith("_B02.jp2") else data))


LANDSAT = "LC08_L2SP_193023_20200521_20200820_02_T1"


def landsat(folder: Path, name: str = LANDSAT) -> Path:
    root = folder / name
    prefix = "SR_" if "_L2" in name else ""
    pixels = np.arange(7273, 7273 + 64 * 64, dtype=np.uint16).reshape(64, 64)
    pixels[0, 0] = 0
    for k in range(1, 8):
        write(root / f"{name}_{prefix}B{k}.TIF", pixels, 30)
    quality = np.full((64, 64), 21824, np.uint16)  # clear
    quality[0, 0], quality[5, :4] = 1, (1 << 3, 1 << 4, 1 << 1, 1 << 2)
    write(root / f"{name}_QA_PIXEL.TIF", quality, 30)
    write(root / f"{name}_ST_B10.TIF", pixels, 30)
    return root


def test_landsat_is_reflectance_by_common_names_without_clouds(tmp_path: Path) -> None:
    scene = landsat(tmp_path)
    source = RasterFile(scene)
    assert source.meta.bands == ("coastal", "blue", "green", "red", "nir", "swir16", "swir22")
    pixels, valid = source.read(source.meta.box, [3])
    expected = np.arange(7273, 7273 + 64 * 64).reshape(64, 64) * 2.75e-5 - 0.2
    np.testing.assert_allclose(pixels[0].ravel()[1:], expected.ravel()[1:], atol=1e-6)
    assert not valid[0, 0]
    assert valid[5, :4].tolist() == [False, False, False, True]  # cirrus stays
    assert valid.sum() == 64 * 64 - 4
    assert str(day_of(source.meta, scene)) == "2020-05-21"
    told = told_zero((), dict(source.meta.product), full=1.0)
    assert told is not None
    assert told.value == 0


def test_landsat_at_the_top_of_the_atmosphere_needs_the_sun(tmp_path: Path) -> None:
    name = "LE07_L1TP_193023_20000521_20200820_02_T1"
    scene = landsat(tmp_path, name)
    with pytest.raises(SceneUnreadable, match=r"MTL\.txt"):
        RasterFile(scene)
    factors = "".join(f"REFLECTANCE_MULT_BAND_{k} = 2.0E-05\nREFLECTANCE_ADD_BAND_{k} = -0.1\n" for k in range(1, 8))
    (scene / f"{name}_MTL.txt").write_text(
        "GROUP = IMAGE_ATTRIBUTES\nDATE_ACQUIRED = 2000-05-21\nSUN_ELEVATION = 30.0\nEND_GROUP = IMAGE_ATTRIBUTES\n"
        f"GROUP = LEVEL1_RADIOMETRIC_RESCALING\n{factors}END_GROUP = LEVEL1_RADIOMETRIC_RESCALING\nEND\n"
    )
    source = RasterFile(scene)
    assert source.meta.bands == ("blue", "green", "red", "nir", "swir16", "swir22")
    assert source.read(source.meta.box, [0])[0][0, 0, 1] == pytest.approx((7274 * 2e-5 - 0.1) * 2, abs=1e-6)


def test_quality_pairs_say_of_every_value_what_its_bits_say() -> None:
    values, masks = np.array(quality_pairs()).T
    every = np.arange(1 << 16)
    clear = np.all([every >> bit & 1 == 0 for bit in MASKED_BITS], axis=0)
    np.testing.assert_array_equal(np.interp(every, values, masks), np.where(clear, 255, 0))


def test_a_pattern_stacks_its_files_in_natural_order(tmp_path: Path) -> None:
    for k in (11, 2, 3):
        write(tmp_path / f"site_2019_B{k}.tif", np.full((32, 32), k, np.uint8), 10)
    pattern = tmp_path / "site_*_B*.tif"
    source = RasterFile(pattern)
    assert source.meta.bands == ("B2", "B3", "B11")
    assert source.read(source.meta.box, [0, 1, 2])[0][:, 0, 0].tolist() == [2, 3, 11]
    assert (source.meta.name, scene_stem(pattern)) == ("site_2019", "site_2019")
    assert str(day_of(source.meta, pattern)) == "2019-07-01"
    with pytest.raises(SceneNotFound):
        RasterFile(tmp_path / "none*.tif")


def test_a_folder_that_is_no_product_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path / "any.tif", np.zeros((8, 8), np.uint8), 1)
    with pytest.raises(SceneUnreadable, match="by a pattern in quotes"):
        RasterFile(tmp_path)
