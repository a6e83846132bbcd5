"""QGIS styles: files beside the outputs that QGIS picks up by their names."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from geoglm.types import LandClass

HEADER = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return HEADER + ET.tostring(root, encoding="unicode") + "\n"


def classes_style(classes: Sequence[LandClass]) -> str:
    """A paletted raster style with the name and colour of every class."""
    root = ET.Element("qgis", version="3.28", styleCategories="AllStyleCategories")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1", nodataColor=""
    )
    palette = ET.SubElement(renderer, "colorPalette")
    for c in classes:
        ET.SubElement(palette, "paletteEntry", value=str(c.value), color=c.colour, label=c.name, alpha="255")
    return _text(root)


def confidence_style() -> str:
    """A raster style from dark (0 %) to light (100 %)."""
    root = ET.Element("qgis", version="3.28", styleCategories="AllStyleCategories")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe,
        "rasterrenderer",
        type="singlebandpseudocolor",
        band="1",
        opacity="1",
        alphaBand="-1",
        classificationMin="0",
        classificationMax="1",
    )
    shader = ET.SubElement(ET.SubElement(renderer, "rastershader"), "colorrampshader", colorRampType="INTERPOLATED")
    # viridis at five places
    ramp = ((0, "#440154"), (25, "#3b528b"), (50, "#21918c"), (75, "#5ec962"), (100, "#fde725"))
    for percent, colour in ramp:
        ET.SubElement(shader, "item", value=str(percent / 100), color=colour, label=f"{percent} %", alpha="255")
    return _text(root)


def polygons_style(classes: Sequence[LandClass]) -> str:
    """A vector style with one filled symbol a class, by the field ``class_id``."""
    root = ET.Element("qgis", version="3.28", styleCategories="Symbology")
    renderer = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="class_id", symbollevels="0", enableorderby="0"
    )
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for k, c in enumerate(classes):
        ET.SubElement(
            categories, "category", value=str(c.value), type="long", symbol=str(k), label=c.name, render="true"
        )
        symbol = ET.SubElement(symbols, "symbol", type="fill", name=str(k), alpha="0.75")
        layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "pass": "0", "locked": "0"})
        options = ET.SubElement(layer, "Option", type="Map")
        red, green, blue = c.rgb
        for name, value in (
            ("color", f"{red},{green},{blue},255"),
            ("outline_color", f"{red // 2},{green // 2},{blue // 2},255"),
            ("outline_width", "0.1"),
            ("outline_width_unit", "MM"),
            ("style", "solid"),
        ):
            ET.SubElement(options, "Option", name=name, value=value, type="QString")
    return _text(root)


def sample_style(classes: Sequence[LandClass]) -> str:
    """A vector style of small crosses whose form offers `classes` for the field ``reference``."""
    root = ET.Element("qgis", version="3.28", styleCategories="Symbology|Fields|Forms")
    renderer = ET.SubElement(root, "renderer-v2", type="singleSymbol", symbollevels="0", enableorderby="0")
    symbol = ET.SubElement(ET.SubElement(renderer, "symbols"), "symbol", type="marker", name="0", alpha="1")
    layer = ET.SubElement(symbol, "layer", {"class": "SimpleMarker", "enabled": "1", "pass": "0", "locked": "0"})
    look = ET.SubElement(layer, "Option", type="Map")
    for name, value in (("name", "cross"), ("outline_color", "255,0,255,255"), ("size", "4"), ("size_unit", "MM")):
        ET.SubElement(look, "Option", name=name, value=value, type="QString")
    field = ET.SubElement(ET.SubElement(root, "fieldConfiguration"), "field", name="reference")
    widget = ET.SubElement(field, "editWidget", type="ValueMap")
    config = ET.SubElement(ET.SubElement(widget, "config"), "Option", type="Map")
    offered = ET.SubElement(config, "Option", name="map", type="List")
    for c in classes:
        ET.SubElement(ET.SubElement(offered, "Option", type="Map"), "Option", name=c.name, value=c.name, type="QString")
    return _text(root)
