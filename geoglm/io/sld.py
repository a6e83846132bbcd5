"""Styles for everything but QGIS: OGC Styled Layer Descriptor 1.0, as GeoServer, MapServer and others take it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from geoglm.types import LandClass

SLD, OGC = "http://www.opengis.net/sld", "http://www.opengis.net/ogc"
RAMP = ((0, "#440154"), (25, "#3b528b"), (50, "#21918c"), (75, "#5ec962"), (100, "#fde725"))
"""Viridis at five places, percent. The maps hold percent and say that a hundredth of it is meant; servers heed that."""


def classes_sld(name: str, classes: Sequence[LandClass]) -> str:
    """A raster style with the name and colour of every class."""
    entries = [(c.value, c.colour, c.name) for c in classes]
    return _raster(name, "values", entries)


def percent_sld(name: str) -> str:
    """A raster style from dark (0 %) to light (100 %)."""
    return _raster(name, "ramp", [(percent / 100, colour, f"{percent} %") for percent, colour in RAMP])


def polygons_sld(name: str, classes: Sequence[LandClass]) -> str:
    """A vector style with one rule a class, by the field ``class_id``."""
    root, style = _document(name)
    for c in classes:
        rule = ET.SubElement(style, f"{{{SLD}}}Rule")
        ET.SubElement(rule, f"{{{SLD}}}Title").text = c.name
        equal = ET.SubElement(ET.SubElement(rule, f"{{{OGC}}}Filter"), f"{{{OGC}}}PropertyIsEqualTo")
        ET.SubElement(equal, f"{{{OGC}}}PropertyName").text = "class_id"
        ET.SubElement(equal, f"{{{OGC}}}Literal").text = str(c.value)
        symbol = ET.SubElement(rule, f"{{{SLD}}}PolygonSymbolizer")
        darker = "#" + "".join(f"{v // 2:02x}" for v in c.rgb)
        for part, terms in (
            ("Fill", {"fill": c.colour, "fill-opacity": "0.75"}),
            ("Stroke", {"stroke": darker, "stroke-width": "0.3"}),
        ):
            drawn = ET.SubElement(symbol, f"{{{SLD}}}{part}")
            for key, value in terms.items():
                ET.SubElement(drawn, f"{{{SLD}}}CssParameter", name=key).text = value
    return _text(root)


def _raster(name: str, kind: str, entries: Sequence[tuple[float, str, str]]) -> str:
    root, style = _document(name)
    symbol = ET.SubElement(ET.SubElement(style, f"{{{SLD}}}Rule"), f"{{{SLD}}}RasterSymbolizer")
    colours = ET.SubElement(symbol, f"{{{SLD}}}ColorMap", type=kind)
    for value, colour, label in entries:
        ET.SubElement(colours, f"{{{SLD}}}ColorMapEntry", color=colour, quantity=f"{value:g}", label=label)
    return _text(root)


def _document(name: str) -> tuple[ET.Element, ET.Element]:
    """The root, and where rules go."""
    root = ET.Element(f"{{{SLD}}}StyledLayerDescriptor", version="1.0.0")
    layer = ET.SubElement(root, f"{{{SLD}}}NamedLayer")
    ET.SubElement(layer, f"{{{SLD}}}Name").text = name
    style = ET.SubElement(layer, f"{{{SLD}}}UserStyle")
    ET.SubElement(style, f"{{{SLD}}}Title").text = name
    return root, ET.SubElement(style, f"{{{SLD}}}FeatureTypeStyle")


def _text(root: ET.Element) -> str:
    ET.register_namespace("sld", SLD)
    ET.register_namespace("ogc", OGC)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
