"""The OpenVINO runtime: the fast one on a CPU. Raw pixels go in as they are; the compiled graph is cached."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from geoglm.infer.decode import Decoder
from geoglm.infer.openvino_tail import headless, without_widening
from geoglm.infer.runtime import Product, in_full_batches
from geoglm.options import Doubt, Precision
from geoglm.pixels.scale import NetworkDtype

ELEMENT = {"uint8": ov.Type.u8, "uint16": ov.Type.u16, "int16": ov.Type.i16, "float32": ov.Type.f32}

# OpenVINO fills its tables of types at their first use, and holds a lock of C++ while it waits for Python's: two
# threads that come first at the same time wait for each other for ever. So this one comes first.
_ = [kind.to_dtype() for kind in ELEMENT.values()], [ov.Tensor(np.zeros(1, name)).data for name in ELEMENT]


class OpenVinoRuntime:
    """A graph from raw pixels to logits compiled for the CPU, one inference request for each thread that calls.

    Args:
        build: makes the graph, as a torch module or in OpenVINO's terms; called only when none is cached, so
            that torch is not even imported otherwise.
        key: what the graph depends on (weights hash, scaling), for the cache.
        bands: of the input.
        patch: rows and columns of a tile.
        product, temperature, doubts: see `Decoder`.
        dtype: of the pixels handed over.
        precision: ``auto`` lets OpenVINO use bf16 where the CPU has it.
        streams: how many tiles are in the network at once; with fewer than threads that call, some wait.
        cache: folder for converted and compiled graphs.
        glance: ``(band, y, x)`` float32 raw pixels of the whole scene made small, for a network that looks at it;
            summarised in float32 by a graph of its own.
    """

    batch = 1

    def __init__(
        self,
        build: Callable[[], Any],
        *,
        key: str,
        bands: int,
        patch: tuple[int, int],
        product: Product,
        temperature: float,
        dtype: NetworkDtype,
        precision: Precision,
        streams: int,
        cache: Path,
        glance: NDArray[np.float32] | None = None,
        doubts: tuple[Doubt, ...] = (),
    ) -> None:
        core = ov.Core()
        cache = _usable(cache)
        model = _kept(core, build, key=key, cache=cache)
        shapes = [[self.batch, bands, *patch]]
        self._of_scene: tuple[NDArray[np.float32], ...] = ()
        if glance is not None:
            summary = _summary(core, build, glance, key=key, cache=cache)
            self._of_scene = (np.repeat(summary, self.batch, axis=0),)
            shapes += [[self.batch, summary.shape[1]], [self.batch, 5]]
        model.reshape(dict(enumerate(shapes)))
        self._decode: Callable[[NDArray[np.float32]], tuple[NDArray[np.generic], ...]]
        if product == "features":
            model, self._decode = headless(model), _kept_apart
        else:
            model, factor = without_widening(model)
            self._decode = Decoder(product, factor, temperature, doubts)
        steps = ov.preprocess.PrePostProcessor(model)
        steps.input(0).tensor().set_element_type(ELEMENT[dtype])
        steps.input(0).preprocess().convert_element_type(ov.Type.f32)
        model = steps.build()
        threads = len(os.sched_getaffinity(0))
        settings: dict[str, Any] = {
            "CACHE_DIR": str(cache / "compiled"),
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": max(threads, streams),
            "INFERENCE_PRECISION_HINT": arithmetic(precision),
        }
        self._compiled = core.compile_model(model, "CPU", settings)
        self._mine = threading.local()
        actual = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self.name = f"openvino-{actual}"

    def infer(
        self, tiles: NDArray[np.generic], places: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.generic], ...]:
        """See `Runtime.infer`."""
        return in_full_batches(self.batch, self._run, tiles, places)

    def _run(self, tiles: NDArray[np.generic], *places: NDArray[np.float32]) -> tuple[NDArray[np.generic], ...]:
        if not hasattr(self._mine, "request"):
            self._mine.request = self._compiled.create_infer_request()
        inputs = (np.ascontiguousarray(tiles), *self._of_scene, *places)
        answer = self._mine.request.infer(dict(enumerate(inputs)), share_inputs=True, share_outputs=True)
        return self._decode(answer[0])


def _kept_apart(answer: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """An answer in memory of its own; the request takes its own for the next one."""
    return (answer.copy(),)


@cache
def arithmetic(precision: Precision) -> str:
    """What is computed in on this CPU, ``f32`` or ``bf16``: the latter only where the CPU has it."""
    able = "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "f32" if precision == "f32" or not able else "bf16"


def _usable(cache: Path) -> Path:
    """The cache folder, or one for this process alone where there can be none (a read-only home, say)."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return cache
    except OSError:
        alone = tempfile.TemporaryDirectory(prefix="geoglm-")
        atexit.register(alone.cleanup)
        return Path(alone.name)


def _summary(
    core: ov.Core, build: Callable[[], Any], glance: NDArray[np.float32], *, key: str, cache: Path
) -> NDArray[np.float32]:
    """``(1, k)`` of what the network keeps of the scene's glance."""

    def build_summary() -> Any:
        from geoglm.infer.scoring import SummaryGraph

        return SummaryGraph(build())

    model = _kept(core, build_summary, key=f"{key} summary", cache=cache)
    model.reshape([1, *glance.shape])
    exact = {"CACHE_DIR": str(cache / "compiled"), "INFERENCE_PRECISION_HINT": "f32"}
    summary: NDArray[np.float32] = core.compile_model(model, "CPU", exact)(glance[None])[0]
    return summary


def _kept(core: ov.Core, build: Callable[[], Any], *, key: str, cache: Path) -> ov.Model:
    """The graph from the cache, converted where it is not there or damaged."""
    graph = _converted(build, key=key, cache=cache)
    try:
        return core.read_model(graph)
    except RuntimeError:
        shutil.rmtree(graph.parent)
        return core.read_model(_converted(build, key=key, cache=cache))


def _converted(build: Callable[[], Any], *, key: str, cache: Path) -> Path:
    """The graph as OpenVINO's own file, converted at the first use and kept; made whole or not at all."""
    name = hashlib.sha256(f"{key} openvino {ov.__version__}".encode()).hexdigest()[:24]
    folder = cache / name
    if not (folder / "graph.xml").exists():
        graph = build()
        model = graph if isinstance(graph, ov.Model) else _converted_from_torch(graph)
        draft = Path(tempfile.mkdtemp(dir=cache))
        ov.save_model(model, draft / "graph.xml", compress_to_fp16=False)
        try:
            draft.rename(folder)
        except OSError:  # another run was first
            shutil.rmtree(draft)
    return folder / "graph.xml"


def _converted_from_torch(graph: Any) -> ov.Model:
    """The graph in OpenVINO's terms, of any size of tile.

    Through the frontend itself: `openvino.convert_model` would send usage statistics to the network.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
    from torch.jit._trace import TracerWarning

    with warnings.catch_warnings():
        # OpenVINO traces through torch.jit, which torch calls deprecated
        for kind in (FutureWarning, DeprecationWarning, TracerWarning):
            warnings.simplefilter("ignore", kind)
        # traced small: the trace is as slow as the tile is large, and the graph is reshaped anyway
        decoder = TorchScriptPythonDecoder(graph, example_input=graph.example())
        frontend = FrontEndManager().load_by_framework("pytorch")
        return frontend.convert(frontend.load(decoder))
