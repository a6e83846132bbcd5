"""Polygons of change: the table of polygons in the words of change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from geoglm.io.polygon_table import PolygonTable
from geoglm.vector.polygons import Polygons

if TYPE_CHECKING:
    import pyarrow as pa

WORDS = {"mean_confidence": "mean_probability", "min_confidence": "min_probability"}


@dataclass(frozen=True)
class ChangeTable(PolygonTable):
    """`PolygonTable` of changes, with ``mean_probability`` and ``min_probability`` for its columns of confidence and,
    where classes are known, ``from_class`` and ``to_class``.

    Args:
        ends: name of a change → names of the classes before and after.
    """

    ends: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """See `PolygonTable.schema`."""
        import pyarrow as pa

        fields = [f.with_name(WORDS.get(f.name, f.name)) for f in super().schema]
        if self.ends:
            fields[2:2] = [pa.field(n, pa.string()) for n in ("from_class", "to_class")]
        return pa.schema(fields)

    def batches(self, traced: Iterable[Polygons]) -> Iterator[pa.RecordBatch]:
        """See `PolygonTable.batches`."""
        import pyarrow as pa

        for batch in PolygonTable(self.georef, self.legend, self.confident, self.multi).batches(traced):
            columns: list[Any] = list(batch.columns)
            if self.ends:
                ends = [self.ends[name] for name in batch.column("class_name").to_pylist()]
                columns[2:2] = [pa.array([e[k] for e in ends], pa.string()) for k in (0, 1)]
            yield pa.record_batch(columns, schema=self.schema)
