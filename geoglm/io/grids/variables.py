"""Which variables are bands of a scene: those on rows and columns, all of one grid, and nothing that needs a guess."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from geoglm.errors import SceneUnreadable
from geoglm.io.grids.facts import Facts

AXES = {
    "x": ("x", "lon", "longitude", "long", "easting", "eastings", "xc"),
    "y": ("y", "lat", "latitude", "northing", "northings", "yc"),
    "time": ("time", "t", "date", "datetime"),
}
"""Names of axes that need no attribute to be known."""
STANDARD = {
    "x": ("projection_x_coordinate", "longitude", "grid_longitude"),
    "y": ("projection_y_coordinate", "latitude", "grid_latitude"),
    "time": ("time",),
}
"""``standard_name`` of axes, as CF has it."""
CF_AXES = {"X": "x", "Y": "y", "T": "time"}
NAMED = 8
"""Variables that a refusal names."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a file, by its metadata.

    Args:
        chunk: its shape, of all dimensions; empty where it is not known.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    chunk: tuple[int, ...]
    attrs: Mapping[str, Any]

    def __str__(self) -> str:
        sizes = ", ".join(f"{d} {n}" for d, n in zip(self.dims, self.shape, strict=True))
        return f"{self.name} ({sizes})"


def variables_of(told: Facts) -> dict[str, Variable]:
    """The variables of a file, by name."""
    return {
        name: Variable(name, tuple(v["dims"]), tuple(v["shape"]), v["dtype"], tuple(v["chunk"] or ()), v["attrs"])
        for name, v in told["variables"].items()
        if len(v["dims"]) == len(v["shape"])
    }


def role(dim: str, known: Mapping[str, Variable]) -> str | None:
    """What a dimension is: ``x``, ``y``, ``time`` or None, by the attributes of its coordinates, else by its name."""
    attrs = known[dim].attrs if dim in known else {}
    if (axis := str(attrs.get("axis", "")).upper()) in CF_AXES:
        return CF_AXES[axis]
    units = str(attrs.get("units", ""))
    if " since " in units:
        return "time"
    if units.lower().startswith(("degrees_e", "degree_e", "degrees_n", "degree_n")):
        return "x" if "e_e" in units.lower() or "s_e" in units.lower() else "y"
    standard = next((r for r, names in STANDARD.items() if attrs.get("standard_name") in names), None)
    return standard or next((r for r, names in AXES.items() if dim.lower() in names), None)


def chosen(where: object, known: Mapping[str, Variable]) -> list[Variable]:
    """The variables that make up the scene: one of any number of bands, or several of one band each.

    Raises:
        SceneUnreadable: there are none, or of several shapes, or axes lie in another order, or there are several times.
    """
    laid = [v for v in known.values() if _is_layer(v, known)]
    found = [v for v in laid if [role(d, known) for d in v.dims[-2:]] == ["y", "x"]]
    if not found:
        raise SceneUnreadable(where, _why_none(laid, known))
    if len({(v.dims[-2:], v.shape[-2:]) for v in found}) > 1 or (
        len(found) > 1 and any(n > 1 for v in found for n in v.shape[:-2])
    ):
        named = ", ".join(map(str, found[:NAMED])) + (", ..." if len(found) > NAMED else "")
        raise SceneUnreadable(
            where,
            f"its variables are no bands of one scene: {named}; keep one of them, or some of one shape, with xarray: "
            f"open_dataset(...)[['{found[0].name}']].to_netcdf(...)",
        )
    for v in found:
        _check_leading(where, v, known)
    return found


def band_names(v: Variable, axes: Mapping[str, Sequence[Any]]) -> list[str]:
    """Names of the bands of one variable: its band axis where that holds words, else its ``long_name`` if a list."""
    count = 1
    for n in v.shape[:-2]:
        count *= n
    for dim, n in zip(v.dims[:-2], v.shape[:-2], strict=True):
        values = axes.get(dim, ())
        if n == count == len(values) and all(isinstance(t, str) and not t.isdecimal() for t in values):
            return [str(t) for t in values]
    listed = v.attrs.get("long_name")
    return [str(t) for t in listed] if isinstance(listed, list) and len(listed) == count else [""] * count


def _is_layer(v: Variable, known: Mapping[str, Variable]) -> bool:
    """Whether a variable may be a map of something, and not coordinates, bounds or time."""
    if len(v.dims) < 2 or not v.dtype.startswith(("int", "uint", "float")) or 0 in v.shape:
        return False
    beside = {w for other in known.values() for w in _beside(other)}
    return v.name not in beside and v.attrs.get("standard_name") not in (*STANDARD["x"], *STANDARD["y"])


def _beside(v: Variable) -> Iterator[str]:
    """Names of variables that only say where another lies."""
    for attr in ("coordinates", "bounds", "grid_mapping"):
        yield from str(v.attrs.get(attr, "")).replace(":", " ").split()


def _why_none(laid: Sequence[Variable], known: Mapping[str, Variable]) -> str:
    """Why no variable is taken, in a line."""
    turned = next((v for v in laid if {"x", "y"} <= {role(d, known) for d in v.dims}), None)
    if turned is not None:
        y, x = (next(d for d in turned.dims if role(d, known) == r) for r in ("y", "x"))
        return f"{turned} does not end in rows and columns; xarray's .transpose(..., '{y}', '{x}') makes it"
    if laid:
        named = ", ".join(map(str, laid[:NAMED]))
        return f"no dimensions of {named} are known as rows and columns; call them y and x, or lat and lon"
    return "no variable of it is a map of numbers"


def _check_leading(where: object, v: Variable, known: Mapping[str, Variable]) -> None:
    """That bands are all that lies above rows and columns.

    Raises:
        SceneUnreadable: there are several times, or two dimensions.
    """
    long = [(d, n) for d, n in zip(v.dims[:-2], v.shape[:-2], strict=True) if n > 1]
    if times := next(((d, n) for d, n in long if role(d, known) == "time"), None):
        raise SceneUnreadable(
            where, f"{v.name} holds {times[1]} times along {times[0]}; keep one, xarray's .isel({times[0]}=0) does that"
        )
    if len(long) > 1:
        raise SceneUnreadable(where, f"{v} has more than bands above rows and columns; keep one of all but one of them")
