"""Every part goes to OpenVINO and to ONNX, for tiles of any size, and answers there as under torch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
import torch
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import Tensor, nn
from torch.export import Dim
from torch.jit._trace import TracerWarning

from geoglm.nn.fusion import STRATEGIES, build_fusion
from geoglm.nn.temporal import SeriesSegmenter, SeriesSpec
from tests.nn.networks import network, scene_of, stirred, tiny
from tests.nn.test_segmenter import COMBINATIONS

CLOSE = 1e-3


def in_openvino(module: nn.Module, traced: tuple[Tensor, ...], asked: tuple[Tensor, ...]) -> np.ndarray:
    """The answer to `asked` of the graph traced with `traced`, in float32."""
    with warnings.catch_warnings():
        for kind in (FutureWarning, DeprecationWarning, TracerWarning):
            warnings.simplefilter("ignore", kind)
        decoder = TorchScriptPythonDecoder(module, example_input=traced)
        frontend = FrontEndManager().load_by_framework("pytorch")
        graph = frontend.convert(frontend.load(decoder))
    graph.reshape({k: list(x.shape) for k, x in enumerate(asked)})
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    return ov.Core().compile_model(graph, "CPU", settings)([x.numpy() for x in asked])[0]


def in_onnx(
    module: nn.Module, traced: tuple[Tensor, ...], asked: tuple[Tensor, ...], free: tuple[Any, ...], folder: Path
) -> np.ndarray:
    """The answer of ONNX Runtime; opset 20 has DeformConv and the rest."""
    runtime = pytest.importorskip("onnxruntime")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(
            module, traced, folder / "net.onnx", dynamo=True, opset_version=20, dynamic_shapes=free, verbose=False
        )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(folder / "net.onnx", options)
    return session.run(None, {i.name: x.numpy() for i, x in zip(session.get_inputs(), asked, strict=True)})[0]


def tiles(built: nn.Module, rows: int, cols: int, count: int) -> tuple[Tensor, ...]:
    torch.manual_seed(3)
    image = torch.randn(count, 3, rows, cols)
    return (image, *scene_of(built, count)) if built.summary_size else (image,)


@pytest.mark.parametrize(("fusion", "alignment", "context"), COMBINATIONS)
@torch.no_grad()
def test_openvino_answers_as_torch_does(fusion: str, alignment: str, context: int) -> None:
    built = network(tiny(depth=3, fusion=fusion, alignment=alignment, context=context))
    asked = tiles(built, 32, 80, 2)
    assert np.abs(in_openvino(built, tiles(built, 32, 32, 1), asked) - built(*asked).numpy()).max() < CLOSE


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder": "tu-tf_efficientnet_lite0", "detail": 4, "stretch": "log"},
        {"encoder": "tu-mobilenetv3_small_100"},
        {"encoder": "windowed-16", "context": 2},
    ],
    ids=lambda c: c["encoder"],
)
@torch.no_grad()
def test_so_do_other_encoders(changes: dict[str, Any]) -> None:
    built = network(tiny(**({"depth": 3} | changes)))
    asked = tiles(built, 64, 128, 2)
    assert np.abs(in_openvino(built, tiles(built, 64, 64, 1), asked) - built(*asked).numpy()).max() < CLOSE


class Summariser(nn.Module):
    """`summarise` as a module of its own."""

    def __init__(self, built: nn.Module) -> None:
        super().__init__()
        self.built = built

    def forward(self, glance: Tensor) -> Tensor:
        return self.built.summarise(glance)


@pytest.mark.parametrize("fusion", ["squeeze", "cbam"])
@torch.no_grad()
def test_openvino_summarises_a_glance_of_any_size(fusion: str) -> None:
    built = network(tiny(depth=3, fusion=fusion, context=3))
    glance = torch.randn(1, 3, 40, 64)
    summary = in_openvino(Summariser(built), (torch.randn(1, 3, 32, 32),), (glance,))
    assert np.abs(summary - built.summarise(glance).numpy()).max() < CLOSE


@torch.no_grad()
def test_openvino_reads_series() -> None:
    torch.manual_seed(0)
    built = stirred(SeriesSegmenter(SeriesSpec(bands=2, classes=3, width=16)))
    series = torch.randn(1, 5, 2, 32, 16)
    assert np.abs(in_openvino(built, (torch.randn(1, 3, 2, 16, 16),), (series,)) - built(series).numpy()).max() < CLOSE


class Fused(nn.Module):
    """A fusion of two levels with a flat list of inputs."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.fusion = build_fusion(name, levels=2, width=4)

    def forward(self, fine: Tensor, coarse: Tensor, summary: Tensor | None = None) -> Tensor:
        return self.fusion([fine, coarse], summary)


@pytest.mark.parametrize("name", STRATEGIES)
@torch.no_grad()
def test_onnx_fuses_as_torch_does(name: str, tmp_path: Path) -> None:
    fused = stirred(Fused(name))
    size = fused.fusion.summary_size

    def given(side: int) -> tuple[Tensor, ...]:
        levels = torch.randn(2, 4, side, 8), torch.randn(2, 4, side, 8)
        return (*levels, torch.randn(2, size)) if size else levels

    asked = given(20)
    free = ({2: Dim.DYNAMIC}, {2: Dim.DYNAMIC}, {})[: len(asked)]
    assert np.abs(in_onnx(fused, given(8), asked, free, tmp_path) - fused(*asked).numpy()).max() < CLOSE


@torch.no_grad()
def test_onnx_runs_a_whole_network_on_tiles_of_any_size(tmp_path: Path) -> None:
    built = network(tiny(depth=3, fusion="cbam", alignment="deform", context=3))
    asked = tiles(built, 96, 64, 3)
    free = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}, {0: Dim.DYNAMIC}, {0: Dim.DYNAMIC})
    assert np.abs(in_onnx(built, tiles(built, 64, 64, 2), asked, free, tmp_path) - built(*asked).numpy()).max() < CLOSE


@torch.no_grad()
def test_onnx_runs_windows_at_the_size_they_were_exported_at(tmp_path: Path) -> None:
    """torch.export cannot yet prove that windows divide a size it does not know; OpenVINO takes any."""
    built = network(tiny(encoder="windowed-16", depth=2))
    asked = tiles(built, 32, 64, 2)
    found = in_onnx(built, tiles(built, 32, 64, 2), asked, ({},), tmp_path)
    assert np.abs(found - built(*asked).numpy()).max() < CLOSE
