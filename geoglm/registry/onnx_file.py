"""What an ONNX file asks for, read from its own bytes before any library opens it.

ONNX is Protocol Buffers (https://protobuf.dev/programming-guides/encoding): records of numbered fields. Only the fields
that tell operators, inputs, outputs and files outside are looked at; weights are skipped over. Field numbers are those
of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STANDARD = ("", "ai.onnx")
"""Names of the domain of ONNX's own operators."""
MOST_DEPTH = 16
"""Graphs within graphs (the branches of an If) that are followed."""


@dataclass(frozen=True, slots=True)
class OnnxPort:
    """An input or output: its name and shape, None for a side that is free."""

    name: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class OnnxFacts:
    """What a file asks for.

    Args:
        operators: names of all operators, those of foreign domains as ``domain.name``.
        inputs, outputs: of the graph; constants that are listed among the inputs are left out.
        external: names of files outside that hold weights.
    """

    operators: frozenset[str]
    inputs: tuple[OnnxPort, ...]
    outputs: tuple[OnnxPort, ...]
    external: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> OnnxFacts:
        """Of the file at `path`.

        Raises:
            ValueError: it is no ONNX file.
        """
        try:
            return _facts(memoryview(path.read_bytes()))
        except (IndexError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"the file is damaged ({error})") from error


def _facts(model: memoryview) -> OnnxFacts:
    graphs = [value for number, value in _fields(model) if number == 7 and isinstance(value, memoryview)]
    if len(graphs) != 1:
        raise ValueError("the file holds no ONNX graph")
    operators: set[str] = set()
    external: list[str] = []
    _walk(graphs[0], operators, external, depth=0)
    for function in _all(model, 25):  # operators that the model brings along
        for node in _all(function, 7):
            _node(node, operators, external, depth=0)
    graph = graphs[0]
    constants = {_text(tensor, 8) for tensor in _all(graph, 5)}
    ports = tuple(_port(p) for p in _all(graph, 11))
    return OnnxFacts(
        frozenset(operators),
        tuple(p for p in ports if p.name not in constants),
        tuple(_port(p) for p in _all(graph, 12)),
        tuple(external),
    )


def _walk(graph: memoryview, operators: set[str], external: list[str], *, depth: int) -> None:
    """Collect from a graph and the graphs within it."""
    if depth > MOST_DEPTH:
        raise ValueError(f"the file has graphs more than {MOST_DEPTH} deep within each other")
    for node in _all(graph, 1):
        _node(node, operators, external, depth=depth)
    for tensor in _all(graph, 5):
        _tensor(tensor, external)
    for sparse in _all(graph, 15):
        for part in (*_all(sparse, 1), *_all(sparse, 2)):
            _tensor(part, external)


def _node(node: memoryview, operators: set[str], external: list[str], *, depth: int) -> None:
    name, domain = _text(node, 4), _text(node, 7)
    operators.add(name if domain in STANDARD else f"{domain}.{name}")
    for attribute in _all(node, 5):
        for tensor in (*_all(attribute, 5), *_all(attribute, 10)):
            _tensor(tensor, external)
        for sparse in (*_all(attribute, 22), *_all(attribute, 23)):
            for part in (*_all(sparse, 1), *_all(sparse, 2)):
                _tensor(part, external)
        for graph in (*_all(attribute, 6), *_all(attribute, 11)):
            _walk(graph, operators, external, depth=depth + 1)


def _tensor(tensor: memoryview, external: list[str]) -> None:
    """Note where the values of a constant lie, if outside."""
    elsewhere = any(number == 14 and value == 1 for number, value in _fields(tensor))
    places = {_text(entry, 1): _text(entry, 2) for entry in _all(tensor, 13)}
    if elsewhere or places:
        external.append(places.get("location", "?"))


def _port(port: memoryview) -> OnnxPort:
    """A ValueInfoProto: name 1, type 2 → tensor 1 → shape 2 → dimension 1 → size 1."""
    sides: list[int | None] = []
    for kind in _all(port, 2):
        for tensor in _all(kind, 1):
            for shape in _all(tensor, 2):
                for side in _all(shape, 1):
                    known = [v for n, v in _fields(side) if n == 1 and isinstance(v, int)]
                    sides.append(known[0] if known and known[0] > 0 else None)
    return OnnxPort(_text(port, 1), tuple(sides))


def _all(message: memoryview, number: int) -> list[memoryview]:
    """The records in field `number`."""
    return [value for n, value in _fields(message) if n == number and isinstance(value, memoryview)]


def _text(message: memoryview, number: int) -> str:
    found = _all(message, number)
    return bytes(found[-1]).decode() if found else ""


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field; fixed-width numbers, which nothing here needs, are skipped.

    >>> [(number, value if isinstance(value, int) else bytes(value)) for number, value in _fields(
    ...     memoryview(bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69])))]
    [(1, 150), (2, b'hi')]
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
        elif kind == 2:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise IndexError("a record ends beyond the file")
            yield number, message[at : at + size]
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise IndexError(f"a field of unknown kind {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError("a number of more than ten bytes")
