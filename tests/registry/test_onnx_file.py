"""What is read from the bytes of ONNX files, against what was put in by the reference library."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from geoglm.registry.onnx_file import MOST_DEPTH, OnnxFacts, OnnxPort, _facts

FREE = ["n", 3, "rows", "cols"]


def model(*nodes: object, constants: tuple[TensorProto, ...] = (), **more: object) -> ModelProto:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, FREE)
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 5, 0, 512])
    listed = [helper.make_tensor_value_info(c.name, c.data_type, c.dims) for c in constants]
    graph = helper.make_graph(list(nodes), "g", [image, *listed], [answer], list(constants))
    return helper.make_model(graph, **more)


def branching(depth: int) -> object:
    """An If whose first branch holds an If, and so on; a Relu is innermost, and in every other branch."""
    relu = helper.make_node("Relu", ["image"], ["answer"])
    answer = [helper.make_tensor_value_info("answer", TensorProto.FLOAT, FREE)]
    inner = relu if depth == 0 else branching(depth - 1)
    branches = (helper.make_graph([node], "b", [], answer) for node in (inner, relu))
    return helper.make_node("If", ["c"], ["answer"], **dict(zip(("then_branch", "else_branch"), branches, strict=True)))


def read(made: ModelProto, folder: Path) -> OnnxFacts:
    (folder / "m.onnx").write_bytes(made.SerializeToString())
    return OnnxFacts.read(folder / "m.onnx")


def test_operators_and_ports_are_those_of_the_file(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones((5, 3, 1, 1), np.float32), "w")
    made = model(
        helper.make_node("Conv", ["image", "w"], ["a"]),
        helper.make_node("Own", ["a"], ["answer"], domain="com.example"),
        constants=(weights,),
    )
    found = read(made, tmp_path)
    assert found.operators == {"Conv", "com.example.Own"}
    assert found.inputs == (OnnxPort("image", (None, 3, None, None)),)
    assert found.outputs == (OnnxPort("answer", (1, 5, None, 512)),)
    assert found.external == ()


def test_operators_hide_neither_in_branches_nor_in_functions(tmp_path: Path) -> None:
    assert read(model(branching(3)), tmp_path).operators == {"If", "Relu"}
    with pytest.raises(ValueError, match="deep"):
        read(model(branching(MOST_DEPTH + 1)), tmp_path)
    inside = [helper.make_node("Loop", [], ["y"])]
    own = helper.make_function("own", "F", ["x"], ["y"], inside, [helper.make_opsetid("", 20)])
    made = model(helper.make_node("F", ["image"], ["answer"], domain="own"), functions=[own])
    assert read(made, tmp_path).operators == {"own.F", "Loop"}


@pytest.mark.parametrize("place", ["initializer", "constant"])
def test_weights_in_files_outside_are_seen(tmp_path: Path, place: str) -> None:
    weights = numpy_helper.from_array(np.ones((5, 3, 1, 1), np.float32), "w")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../etc/passwd")
    if place == "initializer":
        made = model(helper.make_node("Conv", ["image", "w"], ["answer"]), constants=(weights,))
    else:
        made = model(helper.make_node("Constant", [], ["answer"], value=weights))
    assert read(made, tmp_path).external == ("../../etc/passwd",)


@given(data=st.binary(max_size=200), cut=st.integers(0, 400), at=st.integers(0, 400), put=st.binary(max_size=3))
def test_any_bytes_give_facts_or_a_refusal(data: bytes, cut: int, at: int, put: bytes) -> None:
    whole = model(branching(1)).SerializeToString()
    for damaged in (data, whole[:cut], whole[:at] + put + whole[at + len(put) :]):
        try:
            found = _facts(memoryview(damaged))
        except (ValueError, IndexError):  # UnicodeDecodeError is a ValueError
            continue
        assert isinstance(found, OnnxFacts)
