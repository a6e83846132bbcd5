"""The table of polygons: which columns it has, and how polygons become Arrow batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geoglm.types import GeoRef, LandClass

if TYPE_CHECKING:
    import pyarrow as pa

    from geoglm.vector.polygons import Polygons


@dataclass(frozen=True, slots=True)
class Legend:
    """What the 256 values of a traced map stand for.

    Args:
        values: of the class in the raster it came from.
        names: of the class.
        colours: ``#rrggbb`` of the class, grey where unknown.
    """

    values: tuple[int, ...]
    names: tuple[str, ...]
    colours: tuple[str, ...]

    @classmethod
    def of(cls, classes: Iterable[LandClass], values: Iterable[int] = range(256)) -> Legend:
        """Names of the classes that have one; others are called ``class 7``."""
        known, values = {c.value: c for c in classes}, tuple(values)
        names = tuple(known[v].name if v in known else f"class {v}" for v in values)
        return cls(values, names, tuple(known[v].colour if v in known else "#808080" for v in values))


@dataclass(frozen=True, slots=True)
class PolygonTable:
    """What is written of every polygon.

    ========================== =========================================================================
    ``class_id``               value in the raster, int32
    ``class_name``             its name
    ``area_m2``                area of its pixels on the ground; ``area_px`` where the map does not say where it lies
    ``perimeter_m``            length of its outlines as drawn, holes included; ``perimeter_px`` then
    ``pixels``                 number of pixels, int64
    ``mean_confidence``        mean over its pixels, 0 to 1; null where none is known
    ``min_confidence``         least of them
    ``geometry``               well-known binary
    ``bbox``                   struct of ``xmin``, ``ymin``, ``xmax``, ``ymax``
    ========================== =========================================================================

    Args:
        georef: of the map.
        legend: what the values in the traced map stand for.
        confident: whether there are confidence columns.
        multi: geometries are multipolygons.
    """

    georef: GeoRef
    legend: Legend
    confident: bool
    multi: bool = False

    @property
    def schema(self) -> pa.Schema:
        """Of the batches; the geometry is marked as ``geoarrow.wkb`` with the CRS."""
        import pyarrow as pa

        known = self.georef.is_complete
        fields: list[Any] = [
            ("class_id", pa.int32()),
            ("class_name", pa.string()),
            ("area_m2" if known else "area_px", pa.float64()),
            ("perimeter_m" if known else "perimeter_px", pa.float64()),
            ("pixels", pa.int64()),
        ]
        if self.confident:
            fields += [("mean_confidence", pa.float64()), ("min_confidence", pa.float64())]
        where = {} if self.georef.crs is None else {"crs": self.georef.crs, "crs_type": "wkt2:2019"}
        marks = {"ARROW:extension:name": "geoarrow.wkb", "ARROW:extension:metadata": json.dumps(where)}
        geometry = pa.field("geometry", pa.large_binary(), metadata=marks)
        box = pa.field("bbox", pa.struct([(k, pa.float64()) for k in ("xmin", "ymin", "xmax", "ymax")]))
        return pa.schema([*(pa.field(n, t) for n, t in fields), geometry, box])

    def batches(self, traced: Iterable[Polygons]) -> Iterator[pa.RecordBatch]:
        """A batch for each piece of polygons that is not empty."""
        import pyarrow as pa

        schema = self.schema
        every_value, every_name = pa.array(self.legend.values, pa.int32()), pa.array(self.legend.names)
        corners = schema.field("bbox").type
        for found in traced:
            if not len(found):
                continue
            m = found.measures
            code = pa.array(m.value)
            columns = [
                every_value.take(code),
                every_name.take(code),
                pa.array(m.area),
                pa.array(found.perimeter),
                pa.array(m.pixels),
            ]
            if self.confident:
                unknown = m.sure == 0
                mean = np.round(m.total / (100 * np.maximum(m.sure, 1)), 4)
                columns += [pa.array(mean, mask=unknown), pa.array(m.least / 100, mask=unknown)]
            wkb, begins = found.as_wkb(multi=self.multi)
            pieces = [None, pa.py_buffer(begins), pa.py_buffer(wkb)]
            columns.append(pa.Array.from_buffers(pa.large_binary(), len(found), pieces))
            edges = [pa.array(np.ascontiguousarray(found.bounds[:, k])) for k in range(4)]
            columns.append(pa.StructArray.from_arrays(edges, fields=list(corners)))
            yield pa.record_batch(columns, schema=schema)

    def as_arrow(self, traced: Iterable[Polygons]) -> pa.Table:
        """All polygons as one table, without their boxes."""
        import pyarrow as pa

        return pa.Table.from_batches(self.batches(traced), schema=self.schema).drop_columns("bbox")
