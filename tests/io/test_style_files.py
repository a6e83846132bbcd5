"""Styles and names of classes, judged by GDAL and by the schema's order of elements."""

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import rasterio
import rasterio.shutil

from geoglm.io.cog import array_blocks, classes_layer, write_cog
from geoglm.io.geotiff import RasterFile
from geoglm.io.sld import OGC, SLD, percent_sld, polygons_sld
from geoglm.io.style_files import style_classes
from geoglm.types import GeoRef, LandClass

LEGEND = (LandClass(1, "trees & <shrubs>", "#00ff00"), LandClass(4, "eau é", "#0000ff"))


def written(folder: Path) -> Path:
    codes = np.full((20, 30), 4, np.uint8)
    path = folder / "classes.tif"
    write_cog(path, codes.shape, GeoRef(), classes_layer(LEGEND), array_blocks(codes, "mode"), workers=1)
    style_classes(path, LEGEND)
    return path


def test_gdal_knows_the_names_and_the_table_of_the_classes(tmp_path: Path) -> None:
    """What GDAL copies is what it has understood."""
    path, copy = written(tmp_path), tmp_path / "copy.tif"
    rasterio.shutil.copy(path, copy, driver="GTiff")
    told = ET.parse(f"{copy}.aux.xml")
    names = [c.text or "" for c in told.iter("Category")]
    assert names == ["", "trees & <shrubs>", "", "", "eau é"]
    rows = [[cell.text for cell in row] for row in told.iter("Row")]
    assert rows == [["1", "trees & <shrubs>", "0", "255", "0"], ["4", "eau é", "0", "0", "255"]]
    assert [f.findtext("Usage") for f in told.iter("FieldDefn")] == ["5", "2", "6", "7", "8"]
    pixels, valid = RasterFile(path).preview([0], side_px=30)  # which looks through what lies beside it
    assert valid.all()
    assert (pixels == 4).all()


def test_sld_has_every_class_once_in_its_colour(tmp_path: Path) -> None:
    root = ET.parse(written(tmp_path).with_suffix(".sld"))
    entries = [(e.get("quantity"), e.get("color"), e.get("label")) for e in root.iter(f"{{{SLD}}}ColorMapEntry")]
    assert entries == [(str(c.value), c.colour, c.name) for c in LEGEND]
    ramp = [float(e.get("quantity", "")) for e in ET.fromstring(percent_sld("x")).iter(f"{{{SLD}}}ColorMapEntry")]
    assert ramp == sorted(ramp)
    assert (ramp[0], ramp[-1]) == (0, 1)
    rules = list(ET.fromstring(polygons_sld("x", LEGEND)).iter(f"{{{SLD}}}Rule"))
    assert [r.findtext(f".//{{{OGC}}}Literal") for r in rules] == ["1", "4"]
    assert [[p.tag.split("}")[1] for p in r] for r in rules] == [["Title", "Filter", "PolygonSymbolizer"]] * 2
