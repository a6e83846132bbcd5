"""What a NetCDF file or a Zarr store says of its variables. The helper runs this, never the process that asks.

Pixels are not read; coordinates are, where they are one axis long. Of HDF5, which NetCDF-4 is, everything that could
draw on another file is looked for first: GDAL and libhdf5 follow it without asking.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LONGEST_AXIS = 2_000_000
"""Coordinates that are read."""
MOST_VARIABLES = 10_000
MOST_TEXT = 16 * 2**20
"""Bytes of metadata that are read of a variable."""
HDF5 = b"\x89HDF\r\n\x1a\n"

Facts = dict[str, Any]


def facts(name: str) -> Facts:
    """The variables at `name`, a file or a folder: ``variables`` by name, each with ``dims``, ``shape``, ``dtype``,
    ``chunk`` (None: unknown) and ``attrs``, and the values of ``axes``, which are called like their own dimension.

    Raises:
        ValueError, OSError, KeyError: it is damaged, or draws on another file.
    """
    path = Path(name)
    if path.is_dir():
        return _of_zarr(path)
    with path.open("rb") as stream:
        newer = stream.read(len(HDF5)) == HDF5
    if newer:
        check_hdf5(path)
    return _of_netcdf(path, "h5netcdf" if newer else "scipy")


def check_hdf5(path: Path) -> None:
    """Look through the groups of an HDF5 file.

    Raises:
        ValueError: a link leads to another file, or pixels lie in one.
    """
    import h5netcdf  # noqa: F401 - what reads the file then
    import h5py

    with h5py.File(path, "r") as file:
        rest, seen = [file], set[int]()
        while rest:
            group = rest.pop()
            for name in group:
                try:
                    link = group.get(name, getlink=True)
                except TypeError as error:  # of a kind that only its maker knows
                    raise ValueError(f"{name[:80]!r} is a link of an unknown kind") from error
                if isinstance(link, h5py.ExternalLink):
                    raise ValueError(f"{name[:80]!r} links to another file; copy what is meant into one")
                if isinstance(link, h5py.SoftLink):
                    continue  # to what lies under another name here
                node = group[name]
                if isinstance(node, h5py.Dataset) and (node.external or node.is_virtual):
                    raise ValueError(f"the pixels of {name[:80]!r} lie in other files; copy them into one")
                if isinstance(node, h5py.Group) and (address := h5py.h5o.get_info(node.id).addr) not in seen:
                    seen.add(address)
                    rest.append(node)


def _of_netcdf(path: Path, engine: str) -> Facts:
    import xarray as xr

    plain = {"mask_and_scale": False, "decode_times": False, "decode_timedelta": False, "decode_coords": False}
    with xr.open_dataset(path, engine=engine, cache=False, **plain) as data:  # type: ignore[arg-type]  # wants a Literal
        variables = {
            str(name): {
                "dims": [str(d) for d in v.dims],
                "shape": list(v.shape),
                "dtype": str(v.dtype),
                "chunk": list(v.encoding.get("chunksizes") or ()) or None,
                "attrs": _plain(v.attrs),
            }
            for _, (name, v) in zip(range(MOST_VARIABLES), data.variables.items(), strict=False)
        }
        axes = {
            str(name): _value(np.asarray(v.values))
            for name, v in data.variables.items()
            if v.dims == (name,) and v.size <= LONGEST_AXIS and v.dtype.kind in "iufUSO"
        }
    return {"variables": variables, "axes": axes}


def _of_zarr(root: Path) -> Facts:
    """Of a store of Zarr 2, by its metadata; the caller has seen that it links to nothing."""
    variables = dict(_arrays(root))
    axes = {
        name: values
        for name, v in variables.items()
        if v["dims"] == [name] and v["shape"][0] <= LONGEST_AXIS and (values := _axis(root, name)) is not None
    }
    return {"variables": variables, "axes": axes}


def _arrays(root: Path) -> Iterator[tuple[str, Facts]]:
    for _, file in zip(range(MOST_VARIABLES), sorted(root.glob("*/.zarray")), strict=False):
        told, beside = _json(file), file.with_name(".zattrs")
        attrs = _json(beside) if beside.exists() else {}
        dims = attrs.pop("_ARRAY_DIMENSIONS", [])
        if told.get("fill_value") is not None:
            attrs.setdefault("_FillValue", told["fill_value"])
        dtype = told["dtype"] if isinstance(told["dtype"], str) else "object"
        yield (
            file.parent.name,
            {
                "dims": [str(d) for d in dims],
                "shape": [int(n) for n in told["shape"]],
                "dtype": str(np.dtype(dtype)),
                "chunk": [int(n) for n in told["chunks"]],
                "attrs": attrs,
            },
        )


def _axis(root: Path, name: str) -> list[Any] | None:
    """The coordinates of an axis by GDAL, which knows no codec that runs code; None where they are no numbers."""
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(f'ZARR:"{root}":/{name}') as dataset:
            values: list[Any] = dataset.read(1).ravel().tolist()
            return values
    except RasterioError:
        return None


def _json(file: Path) -> Facts:
    with file.open("rb") as stream:
        told = json.loads(stream.read(MOST_TEXT))
    if not isinstance(told, dict):
        raise ValueError(f"{file.name} of {file.parent.name} is no JSON object")
    return told


def _plain(attrs: Any) -> Facts:
    """Attributes as JSON has them."""
    return {str(k): _value(v) for k, v in attrs.items()}


def _value(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_value(v) for v in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | int | float | bool | None) else str(value)
