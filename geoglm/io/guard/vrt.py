"""VRTs parsed before GDAL sees them: what they draw on, and nothing that runs, reaches out or reads at will.

GDAL follows a VRT wherever it points: to any file of this machine as raw pixels (``/etc/passwd`` too), to servers, into
Python code (https://gdal.org/en/stable/drivers/raster/vrt.html, https://gdal.org/en/stable/user/security.html). Here
only elements that are known to do no more than describe pixels pass, and names of regular files in the VRT's folder.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as Xml

from geoglm.errors import FileRefused, SceneNotFound
from geoglm.io.guard.kinds import driver_of, head_of, regular
from geoglm.io.guard.markup import MOST_BYTES, strict_tree
from geoglm.io.guard.trust import Trust

MOST_DEPTH = 8
"""VRTs within VRTs."""
MOST_SOURCES = 200_000
"""Files that a VRT opens, through others too, counted as often as it names them."""

SOURCES = ("sourcefilename", "sourcedataset")
"""Elements that name a file."""
SYSTEMS = ("srs", "sourcesrs", "targetsrs", "sourcecrs", "targetcrs", "projection")
"""Elements and attributes that name a coordinate reference system."""
KINDS = (
    *("vrtsourcedrasterband", "vrtderivedrasterband", "vrtwarpedrasterband", "vrtpansharpenedrasterband"),
    *("vrtwarpeddataset", "vrtpansharpeneddataset"),
)
"""``subClass`` of bands and datasets that only compute."""
FREE = ("metadata", "gdalrasterattributetable", "histograms", "pixelfunctionarguments")
"""Elements that hold text for people, or numbers, under any names."""
_NAMES = """
vrtdataset rasterxsize rasterysize srs dataaxistosrsaxismapping coordinateepoch geotransform gcplist gcp id pixel line
x y z info projection subclass vrtrasterband datatype band blockxsize blockysize description unittype offset scale
nodatavalue hidenodatavalue colorinterp categorynames category colortable entry c1 c2 c3 c4 maskband overview
overviewlist resampling metadata gdalrasterattributetable histograms simplesource complexsource averagedsource
kernelfilteredsource nodatafrommasksource sourcefilename relativetovrt shared sourceband sourceproperties srcrect
dstrect xoff yoff xsize ysize nodata scaleoffset scaleratio exponent srcmin srcmax dstmin dstmax clamp lut
colortablecomponent usemaskband masksvaluethreshold maskvaluethreshold remappedvalue kernel normalized size coefs
pixelfunctiontype pixelfunctionlanguage pixelfunctionarguments sourcetransfertype skipnoncontributingsources
gdalwarpoptions warpmemorylimit resamplealg workingdatatype option name sourcedataset transformer approxtransformer
maxerror maxerrorforward maxerrorreverse basetransformer genimgprojtransformer srcgeotransform srcinvgeotransform
dstgeotransform dstinvgeotransform reprojecttransformer reprojectiontransformer sourcesrs targetsrs sourcecrs
targetcrs options key srcgcptransformer gcptransformer order reversed refine minimumgcps tolerance srctpstransformer
tpstransformer bandlist bandmapping src dst srcnodatareal srcnodataimag dstnodatareal dstnodataimag cutline
cutlineblenddist srcalphaband dstalphaband multi multithread pansharpeningoptions algorithm algorithmoptions weights
numthreads bitdepth spatialextentadjustment panchroband spectralband dstband sourceextrasamples
"""
PLAIN = frozenset(_NAMES.split())
"""Names of elements and attributes that only describe pixels."""
REMOTE = re.compile(r"(/vsi(curl|s3|gs|az|swift|oss)/|https?://)\S+\.(tiff?|jp2)$", re.IGNORECASE)


def check_vrt(path: Path, trust: Trust) -> None:
    """Look through the VRT at `path`, and every VRT that it draws on.

    Raises:
        FileRefused: it would run code, read raw bytes, reach the network or files elsewhere, or draws on itself.
        SceneNotFound: a file that it draws on is not there.
    """
    _opens(regular(path), trust, [], {})


def _opens(path: Path, trust: Trust, above: list[Path], known: dict[Path, int]) -> int:
    """How many files GDAL may open for the VRT, itself included."""
    place = path.resolve()
    if place in above:
        raise FileRefused(path, "it is a VRT that draws on itself")
    if len(above) >= MOST_DEPTH:
        raise FileRefused(path, f"it is a VRT {MOST_DEPTH} deep within others")
    if place not in known:
        root = strict_tree(head_of(path, MOST_BYTES + 1), path)
        if root.tag != "vrtdataset":
            raise FileRefused(path, f"it is XML, but <{root.tag}> and no VRT of pixels")
        count = 1
        for file in _sources(root, path, trust):
            kind = driver_of(head_of(file))
            if kind == "VRT":
                count += _opens(file, trust, [*above, place], known)
            elif not trust.allows(kind, ("GTiff", "JP2OpenJPEG")):
                raise FileRefused(path, f"it draws on {file}, which is no GeoTIFF or JPEG 2000; see --allow-driver")
            else:
                count += 1
        known[place] = count
    if known[place] > MOST_SOURCES:
        raise FileRefused(path, f"it opens more than {MOST_SOURCES} files, VRTs within VRTs counted")
    return known[place]


def _sources(root: Xml.Element, path: Path, trust: Trust) -> list[Path]:
    """The files of this machine that a VRT names, each once for every time."""
    found: list[Path] = []
    rest = [root]
    while rest:
        node = rest.pop()
        _check_names(node, path)
        _check_values(node, path)
        if node.tag in SOURCES and (file := _source(node, path, trust)):
            found.append(file)
        if node.tag not in FREE:
            rest += node
    return found


def _check_names(node: Xml.Element, path: Path) -> None:
    """That the element and its attributes are of the kinds that describe pixels."""
    subclass = node.get("subclass", "").lower()
    if "raw" in subclass:
        raise FileRefused(path, "it reads a file as raw pixels (VRTRawRasterBand); convert it with gdal_translate")
    if subclass and subclass not in KINDS:
        raise FileRefused(path, f"it is a VRT of a kind that is not opened ({node.get('subclass')})")
    if node.tag in ("pixelfunctioncode", "bufferradius"):
        raise FileRefused(path, "it holds Python code (PixelFunctionCode); convert it with gdal_translate")
    if node.tag not in PLAIN:
        raise FileRefused(path, f"it has <{node.tag}>, which is not among what a VRT may say here; gdal_translate it")
    if node.tag in FREE:
        return
    if strange := next((key for key in node.attrib if key not in PLAIN), None):
        raise FileRefused(path, f"<{node.tag}> has {strange!r}, which is not among what a VRT may say here")
    if strange := next((key for key in node.attrib if key in SOURCES), None):
        raise FileRefused(path, f"it names a file in an unusual place ({strange} of <{node.tag}>)")


def _check_values(node: Xml.Element, path: Path) -> None:
    """That what it says of code, domains, memory and coordinate systems stays within this process."""
    text = (node.text or "").strip()
    if node.tag == "pixelfunctionlanguage" and text.lower() != "c":
        raise FileRefused(path, f"it computes its pixels in {text[:40]}; convert it with gdal_translate")
    if node.tag == "pixelfunctiontype" and not re.fullmatch(r"\w+", text):
        raise FileRefused(path, f"its pixel function {text[:40]!r} is none of GDAL's own")
    if node.tag == "metadata" and re.search("overviews|geolocation|vrt_sources", node.get("domain", ""), re.IGNORECASE):
        raise FileRefused(path, f"its metadata ({node.get('domain')}) name files that it would draw on")
    option = node.get("name", "") + node.get("key", "")
    if node.tag == "option" and re.search("dem|dataset|file|cutline_ds|operation", option, re.IGNORECASE):
        raise FileRefused(path, f"its option {option} may name a file; convert it with gdal_translate")
    if node.tag == "warpmemorylimit" and not re.fullmatch(r"\d{1,9}(\.\d*)?([eE]\+0?[0-8])?", text):
        raise FileRefused(path, f"its WarpMemoryLimit {text[:40]} is more than a gigabyte")
    named = [text] * (node.tag in SYSTEMS) + [value for key, value in node.attrib.items() if key in SYSTEMS]
    if strange := next((n for n in named if not harmless_system(n)), None):
        raise FileRefused(
            path, f"its coordinate system {strange[:60]!r} is none that is written out; use WKT or EPSG:n"
        )


def harmless_system(text: str) -> bool:
    """Whether a coordinate system is written out, or known by a number: no file and no address is needed for it.

    >>> harmless_system("EPSG:32631"), harmless_system("https://example.org/a.wkt"), harmless_system("/tmp/a.prj")
    (True, False, False)
    """
    text = text.strip()
    if text.startswith("+"):
        return not re.search(r"\+(init|nadgrids|geoidgrids|grids|file)\b", text)
    return not text or bool(
        re.match(r"[A-Z_]+\s*\[|\{|[A-Z]{3,8}:[\w.]+$|urn:ogc:def:crs:[\w:.]+$", text, re.IGNORECASE)
    )


def _source(node: Xml.Element, path: Path, trust: Trust) -> Path | None:
    """The file of this machine that an element names; None for one elsewhere, where that is asked for."""
    text = node.text or ""
    if len(node) or not text or text != text.strip():
        raise FileRefused(path, f"<{node.tag}> holds no plain name of a file")
    if REMOTE.match(text) and trust.remote:
        return None
    if re.match(r"/vsi|\w+://|//", text):
        raise FileRefused(path, f"it draws on {text[:200]}; --allow-remote lets it draw on GeoTIFFs elsewhere")
    if re.match(r"\w+:|<|\{", text):
        raise FileRefused(path, f"it draws on {text[:80]!r}, which names no file")
    if (beside := node.get("relativetovrt", "0")) not in ("0", "1"):
        raise FileRefused(path, f"relativeToVRT is {beside[:20]!r}; it is 0 or 1")
    own = path.resolve().parent  # as GDAL, which follows the links of a VRT
    file = own / text if beside == "1" else Path(text)
    if not trust.reaches(file, own):
        raise FileRefused(path, f"it draws on {file}, outside its own folder; --allow-vrt-source {file.parent} lets it")
    try:
        return regular(file)
    except SceneNotFound as error:
        raise FileRefused(path, f"it draws on {file}, which is not there") from error
