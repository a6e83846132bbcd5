"""Each guard taken away in turn, and which tests then fail: a guard without such a test would guard nothing.

python -m tests.io.guard.removed [NAME ...]    prints a table; exit code 1 if a guard can go unnoticed
"""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Callable
from typing import Any

import pytest


def nothing(*_: Any, **__: Any) -> None:
    """Lets everything pass."""


HERE, HOSTILE = "tests/io/guard", "tests/registry/test_hostile.py"
GUARD, REGISTRY = "geoglm.io.guard", "geoglm.registry"
PRODUCTS, PRODUCT_TESTS = "geoglm.io.products", "tests/io/products/test_products.py"
GRID_TESTS = "tests/io/grids/test_scene.py"
Patch = tuple[str, str, Any]
GUARDS: dict[str, tuple[list[Patch], list[str]]] = {
    "regular files only": ([(f"{GUARD}.kinds.stat", "S_ISREG", lambda mode: True)], [f"{HERE}/test_vrt.py"]),
    "drivers by first bytes": ([(f"{GUARD}.trust.Trust", "allows", lambda *_: True)], [f"{HERE}/test_vrt.py"]),
    "VRT: parsed at all": ([(f"{GUARD}.raster", "check_vrt", nothing)], [f"{HERE}/test_vrt.py"]),
    "VRT: raw bands, Python, strange names": ([(f"{GUARD}.vrt", "_check_names", nothing)], [f"{HERE}/test_vrt.py"]),
    "VRT: languages, domains, systems": ([(f"{GUARD}.vrt", "_check_values", nothing)], [f"{HERE}/test_vrt.py"]),
    "VRT: its own folder": ([(f"{GUARD}.trust.Trust", "reaches", lambda *_: True)], [f"{HERE}/test_vrt.py"]),
    "VRT: depth": ([(f"{GUARD}.vrt", "MOST_DEPTH", 10**6)], [f"{HERE}/test_vrt.py"]),
    "VRT: number of files": ([(f"{GUARD}.vrt", "MOST_SOURCES", 10**15)], [f"{HERE}/test_vrt.py"]),
    "no Python in GDAL": (
        [(f"{GUARD}.raster", "SAFE", {}), ("geoglm.io.geotiff", "SAFE", {})],
        [f"{HERE}/test_vrt.py"],
    ),
    "sidecars": ([(f"{GUARD}.raster", "check_sidecars", nothing)], [f"{HERE}/test_sidecars.py"]),
    "tags that name files": ([(f"{GUARD}.raster", "check_tags", nothing)], [f"{HERE}/test_sidecars.py"]),
    "blocks against memory": ([(f"{GUARD}.raster", "check_blocks", nothing)], [f"{HERE}/test_probe.py"]),
    "probe in a helper": ([(f"{GUARD}.probe.Helper", "try_out", nothing)], [f"{HERE}/test_probe.py"]),
    "STAC items: their folder": ([(f"{GUARD}.trust.Trust", "reaches", lambda *_: True)], [f"{HERE}/test_trust.py"]),
    "vectors by first bytes": ([(f"{GUARD}.vectors", "_kind_of", lambda head: "other")], [f"{HERE}/test_vectors.py"]),
    "databases": ([(f"{GUARD}.vectors", "_check_database", nothing)], [f"{HERE}/test_vectors.py"]),
    "products: links": (
        [(f"{PRODUCTS}.listing.Listing", "within", lambda self, file, own=None: file)],
        [PRODUCT_TESTS],
    ),
    "products: names in a zip": ([(f"{PRODUCTS}.listing.re", "match", nothing)], [PRODUCT_TESTS]),
    "products: kinds by first bytes": ([(f"{PRODUCTS}.listing", "driver_of", lambda head: "GTiff")], [PRODUCT_TESTS]),
    "grids: what HDF5 draws on": ([("geoglm.io.grids.facts", "check_hdf5", nothing)], [GRID_TESTS]),
    "grids: links in stores": ([(f"{GUARD}.trust.Trust", "reaches", lambda *_: True)], [GRID_TESTS]),
    "grids: chunks against memory": ([("geoglm.io.grids.scene", "_check_chunk", nothing)], [GRID_TESTS]),
    "credentials": (
        [(f"geoglm.{m}", "without_secrets", str) for m in ("io.remote", "jobs.manifest", "apps.cli", "apps.own_words")],
        ["tests/io/test_remote.py"],
    ),
    "safetensors header": ([(f"{REGISTRY}.tensors", "_span", lambda name, entry: (0, 0))], [HOSTILE]),
    "shapes of the card": ([(f"{REGISTRY}.package", "_check_shapes", nothing)], [HOSTILE]),
    "card's limits": ([(f"{REGISTRY}.package", "check_card", nothing)], [HOSTILE]),
    "shipped cards pinned": ([(f"{REGISTRY}.catalog", "BadPackage", Warning)], [HOSTILE]),
    "graphs of packages": ([(f"{REGISTRY}.package.ModelPackage", "_look_through", nothing)], [HOSTILE]),
    "pickles": ([(f"{REGISTRY}.catalog", "PICKLES", ()), (f"{REGISTRY}.package", "PICKLES", ())], [HOSTILE]),
}
"""Guard → what stands in for it, and the tests that are to miss it."""


class Removal:
    """A plugin that takes a guard away for each test, and keeps the names of those that fail."""

    def __init__(self, patches: list[Patch]) -> None:
        self.patches, self.failed = patches, list[str]()

    @pytest.fixture(autouse=True)
    def _without(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for where, name, other in self.patches:
            monkeypatch.setattr(_found(where), name, other)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """See pytest."""
        if report.failed:
            self.failed.append(report.nodeid.split("::")[-1])


def _found(where: str) -> Any:
    """A module, or a class or module in one."""
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError:
        parent, _, name = where.rpartition(".")
        return getattr(importlib.import_module(parent), name)


def _failing(patches: list[Patch], tests: list[str]) -> list[str]:
    """Names of the tests that fail without a guard."""
    plugin = Removal(patches)
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["-q", "-p", "no:cacheprovider", "--timeout", "60", *tests], plugins=[plugin])
    return sorted(set(plugin.failed))


def main(names: list[str], say: Callable[[str], None] = print) -> int:
    """Go through the guards; how many can go unnoticed."""
    unnoticed = 0
    chosen = {t for name, (_, tests) in GUARDS.items() if not names or name in names for t in tests}
    before = _failing([], sorted(chosen))
    say(f"{'nothing removed':40} {len(before):3} fail: {', '.join(before) or 'none'}")
    for name, (patches, tests) in GUARDS.items():
        if names and name not in names:
            continue
        failed = [test for test in _failing(patches, tests) if test not in before]
        say(f"{name:40} {len(failed):3} fail: {', '.join(failed[:2]) or 'NONE'}")
        unnoticed += not failed
    return unnoticed


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
