"""Maps as cloud-optimised GeoTIFFs: written block by block, copied into COG order with overviews."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from geoglm.types import INVALID, GeoRef, LandClass, PixelBox


@dataclass(frozen=True, slots=True)
class Layer:
    """One map to be written.

    Args:
        bands: band descriptions.
        overviews: how pixels are joined: the majority of classes, or the average of numbers.
        colours: class value → colour, for a colour table.
        tags: metadata of the file.
        scale: what a stored number is multiplied by for its true value.
    """

    bands: tuple[str, ...]
    overviews: Literal["mode", "average"]
    colours: tuple[LandClass, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    scale: float = 1.0


def classes_layer(classes: Sequence[LandClass]) -> Layer:
    """The layer of ``classes.tif``: majority overviews, colour table, class names in the metadata."""
    names = {f"CLASS_{c.value}": c.name for c in classes}
    legend = json.dumps([{"value": c.value, "name": c.name, "colour": c.colour} for c in classes])
    return Layer(("class",), "mode", tuple(classes), names | {"CLASSES": legend})


class CogWriter:
    """Write a uint8 map box by box, from one thread, then `finish` it as a COG."""

    def __init__(self, path: Path, shape: tuple[int, int], georef: GeoRef, layer: Layer) -> None:
        self.path, self.layer = path, layer
        self._draft = path.with_suffix(".draft.tif")
        profile: dict[str, Any] = {
            "driver": "GTiff",
            "height": shape[0],
            "width": shape[1],
            "count": len(layer.bands),
            "dtype": "uint8",
            "nodata": INVALID,
            "tiled": True,
            "blockxsize": 512,
            "blockysize": 512,
            "compress": "zstd",
            "zstd_level": 1,
            "bigtiff": "if_safer",
            "sparse_ok": True,
            "interleave": "band",
        }
        if georef.transform is not None:
            profile["transform"] = georef.transform
        if georef.crs is not None:
            profile["crs"] = CRS.from_wkt(georef.crs)
        with _quiet():
            self._dataset = rasterio.open(self._draft, "w", **profile)
            if georef.transform is None and georef.gcps:
                points = [GroundControlPoint(p.row, p.col, p.x, p.y, p.z) for p in georef.gcps]
                self._dataset.gcps = (points, CRS.from_wkt(georef.gcps_crs) if georef.gcps_crs else CRS())
            if georef.rpcs:
                self._dataset.update_tags(ns="RPC", **dict(georef.rpcs))
            for number, name in enumerate(layer.bands, 1):
                self._dataset.set_band_description(number, name)
            if layer.colours:
                table = {c.value: (*c.rgb, 255) for c in layer.colours}
                self._dataset.write_colormap(1, table | {INVALID: (0, 0, 0, 0)})
            if layer.scale != 1.0:
                self._dataset.scales = [layer.scale] * len(layer.bands)
            self._dataset.update_tags(**layer.tags)

    def write(self, box: PixelBox, values: NDArray[np.uint8]) -> None:
        """Write ``(y, x)`` or ``(band, y, x)`` values of `box`."""
        window = Window(box.left, box.top, box.width, box.height)
        self._dataset.write(values if values.ndim == 3 else values[None], window=window)

    def finish(self) -> None:
        """Copy what was written into a COG at `path`."""
        with _quiet():
            self._dataset.close()
            rasterio.shutil.copy(
                self._draft,
                self.path,
                driver="COG",
                compress="deflate",
                blocksize=512,
                overview_resampling=self.layer.overviews,
                bigtiff="if_safer",
                num_threads="all_cpus",
            )
        self._draft.unlink()
        self._draft.with_name(self._draft.name + ".aux.xml").unlink(missing_ok=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """A scene without georeferencing was said to be one already; GDAL need not repeat it."""
    with warnings.catch_warnings(), rasterio.Env():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
