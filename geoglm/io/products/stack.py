"""Bands from several files stacked into one VRT, on the grid of the file with the smallest pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as Xml

from geoglm.errors import SceneUnreadable

Pairs = Sequence[tuple[int, int]]

GDAL_TYPES = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "int32": "Int32",
              "int64": "Int64", "uint64": "UInt64", "float32": "Float32", "float64": "Float64",
              "int8": "Int8"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Band:
    """A band of a file: where that lies, which of its bands, and its names from the best to the last resort.

    Args:
        nodata: the value without data, where the file does not say it.
        scaling: factor and summand that are applied: the stack then holds real numbers, NaN where there are no data.
    """

    file: str
    number: int
    names: tuple[str, ...]
    nodata: float | None = None
    scaling: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    """What a file says of itself; `step` is the side of a pixel, across and down."""

    crs: str
    origin: tuple[float, float]
    step: tuple[float, float]
    size: tuple[int, int]
    block: tuple[int, int]
    dtypes: tuple[str, ...]
    nodata: tuple[float | None, ...]
    units: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, dataset: Any, where: object, name: str) -> Asset:
        """The facts of an open dataset.

        Args:
            where: the scene, for an error.
            name: what the file is called there.

        Raises:
            SceneUnreadable: it does not lie north up in a known CRS.
        """
        t = dataset.transform
        if t.b or t.d or t.e >= 0 or not dataset.crs:
            raise SceneUnreadable(where, f"{name} does not lie north up in a known CRS")
        return cls(
            dataset.crs.to_wkt(),
            (t.c, t.f),
            (t.a, -t.e),
            (dataset.width, dataset.height),
            dataset.block_shapes[0],
            tuple(dataset.dtypes),
            tuple(dataset.nodatavals),
            tuple(zip(dataset.scales, dataset.offsets, strict=True)),
        )


@dataclass(frozen=True, slots=True)
class Quality:
    """A band whose values tell which pixels are valid: by pairs of value and mask (0 or 255), linear in between."""

    file: str
    pairs: Pairs


def stacked(
    bands: Sequence[Band],
    assets: Mapping[str, Asset],
    *,
    tags: Mapping[str, str] | None = None,
    quality: Quality | None = None,
) -> str:
    """The VRT, to be opened by GDAL as it is; coarser bands are resampled bilinearly.

    Args:
        assets: by the names of the files of all bands, in one CRS.
        tags: of the whole.
        quality: becomes the mask of the whole.
    """
    grid = min((assets[b.file] for b in bands), key=lambda a: a.step[0] * a.step[1])
    root = Xml.Element("VRTDataset", rasterXSize=str(grid.size[0]), rasterYSize=str(grid.size[1]))
    Xml.SubElement(root, "SRS").text = grid.crs
    (left, top), (across, down) = grid.origin, grid.step
    Xml.SubElement(root, "GeoTransform").text = f"{left!r}, {across!r}, 0, {top!r}, 0, {-down!r}"
    if tags:
        metadata = Xml.SubElement(root, "Metadata")
        for key, value in tags.items():
            Xml.SubElement(metadata, "MDI", key=key).text = value
    for number, (band, name) in enumerate(zip(bands, _unlike(bands), strict=True), 1):
        _add_band(root, band, assets[band.file], grid, number=number, name=name)
    if quality is not None:
        node = Xml.SubElement(Xml.SubElement(root, "MaskBand"), "VRTRasterBand", dataType="Byte")
        source = _source(node, "ComplexSource", assets[quality.file], grid, file=quality.file)
        Xml.SubElement(source, "LUT").text = ",".join(f"{value}:{mask}" for value, mask in quality.pairs)
    return Xml.tostring(root, encoding="unicode")


def _add_band(root: Xml.Element, band: Band, asset: Asset, grid: Asset, *, number: int, name: str) -> None:
    """One band of the VRT."""
    k = band.number - 1
    own = asset.nodata[k] if band.nodata is None else band.nodata
    dtype = GDAL_TYPES.get(asset.dtypes[k], "Float32") if band.scaling is None else "Float32"
    node = Xml.SubElement(root, "VRTRasterBand", dataType=dtype, band=str(number))
    Xml.SubElement(node, "Description").text = name
    if own is not None:
        Xml.SubElement(node, "NoDataValue").text = repr(own) if band.scaling is None else "nan"
    if band.scaling is None:
        Xml.SubElement(node, "Scale").text, Xml.SubElement(node, "Offset").text = map(repr, asset.units[k])
    kind = "SimpleSource" if own is None and band.scaling is None else "ComplexSource"
    source = _source(node, kind, asset, grid, file=band.file, number=band.number)
    if band.scaling is not None:
        factor, summand = band.scaling
        Xml.SubElement(source, "ScaleOffset").text = repr(summand)
        Xml.SubElement(source, "ScaleRatio").text = repr(factor)
    if own is not None:
        Xml.SubElement(source, "NODATA").text = repr(own)


def _source(parent: Xml.Element, kind: str, asset: Asset, grid: Asset, *, file: str, number: int = 1) -> Xml.Element:
    """A band of a file, laid onto the grid."""
    (left, top), (across, down) = grid.origin, grid.step
    between = parent.get("band") is not None and asset.step != grid.step  # a mask has no values in between
    source = Xml.SubElement(parent, kind, {"resampling": "bilinear"} if between else {})
    Xml.SubElement(source, "SourceFilename", relativeToVRT="0").text = file
    Xml.SubElement(source, "SourceBand").text = str(number)
    size = {"RasterXSize": str(asset.size[0]), "RasterYSize": str(asset.size[1])}
    block = {"BlockXSize": str(asset.block[1]), "BlockYSize": str(asset.block[0])}
    dtype = GDAL_TYPES.get(asset.dtypes[number - 1], "Float32")
    Xml.SubElement(source, "SourceProperties", size | block | {"DataType": dtype})
    _rect(source, "SrcRect", (0.0, 0.0), (float(asset.size[0]), float(asset.size[1])))
    start = (asset.origin[0] - left) / across, (top - asset.origin[1]) / down
    span = asset.size[0] * asset.step[0] / across, asset.size[1] * asset.step[1] / down
    _rect(source, "DstRect", start, span)
    return source


def _rect(parent: Xml.Element, name: str, start: tuple[float, float], size: tuple[float, float]) -> None:
    """Where a source is read, or put."""
    (x, y), (width, height) = start, size
    Xml.SubElement(parent, name, xOff=repr(x), yOff=repr(y), xSize=repr(width), ySize=repr(height))


def _unlike(bands: Sequence[Band]) -> list[str]:
    """A name for each band: the first of its names that no other band has as its first."""
    first = Counter(b.names[0] for b in bands)
    return [next((n for n in b.names if first[n] <= 1), b.names[-1]) for b in bands]
