"""What lies beside a map so that programs show it as it is meant: QGIS and SLD styles, and GDAL's names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from geoglm.io.sld import classes_sld, percent_sld, polygons_sld
from geoglm.io.styles import classes_style, confidence_style, polygons_style
from geoglm.types import LandClass

COLUMNS = (("Value", 0, 5), ("Class", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8))
"""Name, type and usage of the columns of an attribute table, in GDAL's numbers (GDALRATFieldType, -Usage)."""


def style_classes(raster: Path, classes: Sequence[LandClass]) -> None:
    """Beside a map of `classes`: ``.qml``, ``.sld``, and ``.tif.aux.xml`` with category names and attribute table."""
    _write(raster, ".qml", classes_style(classes))
    _write(raster, ".sld", classes_sld(raster.stem, classes))
    _write(raster, f"{raster.suffix}.aux.xml", attribute_table(classes))


def style_percent(raster: Path) -> None:
    """Beside a map in percent: ``.qml`` and ``.sld``."""
    _write(raster, ".qml", confidence_style())
    _write(raster, ".sld", percent_sld(raster.stem))


def style_polygons(folder: Path, classes: Sequence[LandClass]) -> None:
    """Beside ``polygons.*``: ``.qml`` and ``.sld``."""
    _write(folder / "polygons", ".qml", polygons_style(classes))
    _write(folder / "polygons", ".sld", polygons_sld("polygons", classes))


def attribute_table(classes: Sequence[LandClass]) -> str:
    """GDAL's auxiliary metadata of a map of classes, which a GeoTIFF cannot hold itself.

    Categories are told by their place, so that values between those of `classes` have empty names.
    """
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    names = {c.value: c.name for c in classes}
    categories = ET.SubElement(band, "CategoryNames")
    for value in range(max(names, default=-1) + 1):
        ET.SubElement(categories, "Category").text = names.get(value, "")
    table = ET.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for k, (name, kind, usage) in enumerate(COLUMNS):
        field = ET.SubElement(table, "FieldDefn", index=str(k))
        for tag, text in (("Name", name), ("Type", str(kind)), ("Usage", str(usage))):
            ET.SubElement(field, tag).text = text
    for k, c in enumerate(classes):
        row = ET.SubElement(table, "Row", index=str(k))
        for cell in (c.value, c.name, *c.rgb):
            ET.SubElement(row, "F").text = str(cell)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _write(beside: Path, ending: str, text: str) -> None:
    (beside.parent / f"{beside.stem}{ending}").write_text(text, encoding="utf-8")
