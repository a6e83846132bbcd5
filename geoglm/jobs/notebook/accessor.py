"""``result.geoglm``: what `geoglm.segment` gives, looked at, measured and saved."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoglm.errors import GeoglmError
from geoglm.io.lazy import georef_of
from geoglm.types import GeoRef, LandClass

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from geoglm.jobs.result import SegmentResult


class MapAccessor:
    """A map as `geoglm.segment` gives it, or any rectangle of one (``result.isel(x=slice(1000, 2000))``).

    It stays lazy: what is asked for is computed, shard by shard, and nothing of it is kept. For a map that is looked at
    several times, ``result.load()`` or `save` first.

    Raises:
        GeoglmError: it is none.
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset
        classes = dataset.get("classes")
        if classes is None or classes.dims != ("y", "x") or "class_names" not in classes.attrs:
            raise GeoglmError("these are no maps of geoglm.segment: there are no classes (y, x) with their names")

    @property
    def legend(self) -> tuple[LandClass, ...]:
        """The classes: value, name and colour of each."""
        told = self._dataset["classes"].attrs
        rows = zip(told["flag_values"], told["class_names"], told["flag_colors"].split(), strict=True)
        return tuple(LandClass(int(value), str(name), colour) for value, name, colour in rows)

    @cached_property
    def georef(self) -> GeoRef:
        """Where it lies."""
        return georef_of(self._dataset["classes"])

    def areas(self) -> pd.DataFrame:
        """What every class covers: ``class, value, pixels, share, hectares``, a row for each.

        Shares are of the classified pixels. Hectares are true ones, geodesic where the CRS is no measure of the ground
        (see `geoglm.stats.area.pixel_areas`), and NaN where the scene does not say where it lies.
        """
        from geoglm.jobs.notebook.areas import areas

        return areas(self._dataset, self.legend, self.georef)

    def plot(self, *, side_px: int = 1000, width: float = 12.0) -> Any:
        """Draw classes with their legend, and confidence, side by side.

        Args:
            side_px: a larger map is made thinner, by leaving out pixels, until its longer side is no longer than that.
            width: of the figure, inches.

        Returns:
            The two axes, of matplotlib.
        """
        from geoglm.jobs.notebook.picture import draw

        return draw(self._dataset, self.legend, side_px=side_px, width=width)

    def explore(self, *, height_px: int = 600) -> Any:
        """Show it on a map that can be moved, see `geoglm.explore`; all of it is computed and saved first."""
        face = import_module("geoglm")  # by its name: a job knows no viewer, the public face does
        return face.explore(self._dataset, height_px=height_px)

    def save(self, folder: str | Path, *, report: bool = True) -> SegmentResult:
        """Write all layers into `folder`, as `geoglm.segment_file` does but for polygons.

        They are cloud-optimised GeoTIFFs with QGIS styles; beside them lie ``summary.json``, ``manifest.json``,
        ``item.json`` (STAC) and, if `report`, ``report.html``. Shards are computed and written one after the other, and
        the files appear when all are whole.

        Raises:
            OutputError: the folder cannot be written to, or holds somebody else's files of the same names.
        """
        from geoglm.jobs.notebook.save import save

        return save(self._dataset, self.legend, self.georef, Path(folder), report=report)
