"""Models from anywhere: weights are numbers, cards are held to limits, and nothing in either runs."""

import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from geoglm.apps.cli import main
from geoglm.errors import BadPackage, RefusedModel
from geoglm.registry import catalog
from geoglm.registry.catalog import find, shipped
from geoglm.registry.graph import graph_sha256
from geoglm.registry.package import ModelPackage
from geoglm.registry.tensors import MOST_HEADER, tensor_shapes
from tests.conftest import pointwise
from tests.registry.test_importing import CARD as OUTSIDER
from tests.registry.test_importing import pointwise_onnx


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pointwise(tmp_path / "p").folder


def headed(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(*shape: int, span: tuple[int, int] = (0, 4), dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(span)}


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        ({"a": entry(1)}, b"1234", 2**60),
        (b" " * (MOST_HEADER + 8), b"", None),
        (b"[1]", b"", None),
        (b"{", b"", None),
        ({"a": entry(2)}, b"1234", None),
        ({"a": entry(2**40, 2**40)}, b"1234", None),
        ({"a": entry(-1, span=(0, -4))}, b"", None),
        ({"a": entry(1, dtype="OBJ")}, b"1234", None),
        ({"a": entry(1), "b": entry(1)}, b"1234", None),
        ({"a": entry(1)}, b"12345678", None),
        ({"a": 7}, b"", None),
    ],
)
def test_a_header_that_contradicts_its_file_is_refused(
    tmp_path: Path, header: Any, data: bytes, length: int | None
) -> None:
    with pytest.raises(ValueError, match=r"header|tensors"):
        tensor_shapes(headed(tmp_path / "a.safetensors", header, data, length))


def test_tensors_are_those_of_the_network_of_the_card(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = folder / "model.safetensors"
    state = load_file(weights)
    name = next(iter(state))
    save_file(state | {"more": torch.zeros(3)}, weights)
    with pytest.raises(BadPackage, match="'more' is none of the network"):
        ModelPackage.open(folder).network()
    save_file(state | {name: torch.zeros(3)}, weights)
    with pytest.raises(BadPackage, match="in the file and"):
        ModelPackage.open(folder).network()


@pytest.mark.parametrize(
    "change",
    [
        {"geoglm:network": {"encoder": "pointwise", "bands": 3, "classes": 5, "width": 10**9}},
        {"geoglm:network": {"encoder": "hf-hub:someone/model", "bands": 3, "classes": 5}},
        {"geoglm:network": {"encoder": "pointwise", "bands": 3, "classes": 5, "code": "import os"}},
        {"geoglm:tiling": {"stride": 1, "tileable": True, "halo": 10**12}},
        {"mlm:name": ["a"]},
        {"geoglm:summary_size": 10**12},
    ],
)
def test_a_card_that_asks_for_too_much_is_refused(folder: Path, change: dict[str, Any]) -> None:
    card = json.loads((folder / "model.json").read_text()) | change
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(BadPackage, match=r"model\.json is malformed"):
        ModelPackage.open(folder)


def test_a_card_of_endless_depth_or_length_is_refused(folder: Path) -> None:
    (folder / "model.json").write_text("[" * 200_000)
    with pytest.raises(BadPackage, match="malformed"):
        ModelPackage.open(folder)
    (folder / "model.json").write_text(" " * (5 * 2**20))
    with pytest.raises(BadPackage, match="at most"):
        ModelPackage.open(folder)


def test_shipped_packages_are_those_that_were_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in shipped().values():
        assert package.card.graph is not None
        assert package.card.graph.weights_sha256 == package.sha256
        assert package.graph() is not None
    monkeypatch.setitem(catalog.PINNED, "aerial-landcover", "0" * 64)
    with pytest.raises(BadPackage, match="not the one this version"):
        shipped()


def test_a_graph_in_a_package_may_do_arithmetic_only(tmp_path: Path) -> None:
    import onnx

    card = tmp_path / "card.json"
    card.write_text(json.dumps(OUTSIDER))
    model = pointwise_onnx(tmp_path / "m.onnx")
    assert CliRunner().invoke(main, ["models", "import", str(model), "--card", str(card), "-o", str(tmp_path / "o")])
    path = tmp_path / "o" / "model.onnx"
    proto = onnx.load(path)
    proto.graph.node[0].op_type, proto.graph.node[0].domain = "ReadFile", "evil"
    onnx.save(proto, path)
    told = json.loads((tmp_path / "o" / "model.json").read_text())
    told["geoglm:graph"]["sha256"] = graph_sha256(tmp_path / "o", "model.onnx")
    (tmp_path / "o" / "model.json").write_text(json.dumps(told))
    with pytest.raises(BadPackage, match=r"not allowed: evil\.ReadFile"):
        ModelPackage.open(tmp_path / "o").graph()


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_is_not_read_and_the_way_out_is_told(tmp_path: Path, folder: Path) -> None:
    mark, path = tmp_path / "ran", tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps({"a": Evil(mark)}))
    with pytest.raises(RefusedModel, match="geoglm models convert"):
        find(str(path))
    (folder / "model.safetensors").rename(folder / "model.pt")
    with pytest.raises(BadPackage, match="geoglm models convert"):
        ModelPackage.open(folder)
    card = tmp_path / "card.json"
    card.write_text(json.dumps(json.loads((folder / "model.json").read_text())))
    told = CliRunner().invoke(main, ["models", "convert", str(path), "--card", str(card), "-o", str(tmp_path / "o")])
    assert told.exit_code == 2
    assert "its tensors cannot be had" in told.output
    assert not mark.exists()
    assert not (tmp_path / "o").exists()


def test_weights_in_a_pickle_become_a_package(tmp_path: Path) -> None:
    package = pointwise(tmp_path / "p")
    state = {f"module.{name}": value for name, value in package.network().state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "w.pt")
    words = ["models", "convert", str(tmp_path / "w.pt"), "--card", str(tmp_path / "p" / "model.json")]
    told = CliRunner().invoke(main, [*words, "-o", str(tmp_path / "q")])
    assert (told.exit_code, told.output) == (0, f"test-model: in {tmp_path / 'q'}\n")
    ours, theirs = (ModelPackage.open(tmp_path / n).network().state_dict() for n in "pq")
    assert all((ours[k] == theirs[k]).all() for k in ours)
    assert "is there already" in CliRunner().invoke(main, [*words, "-o", str(tmp_path / "q")]).output
