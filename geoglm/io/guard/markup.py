"""XML read strictly: UTF-8, no document type, no entities of its own, no instructions, so many bytes and so deep."""

from __future__ import annotations

from xml.etree import ElementTree as Xml
from xml.parsers import expat

from geoglm.errors import FileRefused

MOST_BYTES = 64 * 2**20
MOST_DEPTH = 64


class _Forbidden(Exception):
    """Something that a description of pixels has no need of."""


def strict_tree(text: bytes, where: object) -> Xml.Element:
    """The elements of a document, names in small letters as GDAL, which does not tell them apart, sees them.

    Attributes are kept by their small names too.

    Raises:
        FileRefused: it is no well-formed XML in UTF-8, or uses what only an attack would.
    """
    if len(text) > MOST_BYTES:
        raise FileRefused(where, f"it has {len(text) / 1e6:.0f} MB of XML; {MOST_BYTES / 1e6:.0f} MB are the most")
    builder = Xml.TreeBuilder()
    parser = expat.ParserCreate("utf-8")  # whatever the file claims, GDAL takes bytes as they are
    worded: list[bool] = []  # of the elements that are open: whether they have had a word

    def start(name: str, given: dict[str, str]) -> None:
        worded.append(False)
        if len(worded) > MOST_DEPTH:
            raise _Forbidden(f"its elements lie more than {MOST_DEPTH} deep within each other")
        attributes = {key.lower(): value for key, value in given.items()}
        if len(attributes) < len(given):
            raise _Forbidden(f"<{name}> has an attribute twice")
        builder.start(name.lower(), attributes)

    def words(text: str) -> None:
        if worded and text.strip():
            worded[-1] = True
        builder.data(text)

    def end(name: str) -> None:
        worded.pop()
        builder.end(name.lower())

    def comment(_: str) -> None:
        if worded and worded[-1]:
            raise _Forbidden("a comment parts the words of an element; take it out")

    def forbid(*_: object) -> None:
        raise _Forbidden("it has a document type, an instruction or a CDATA section; take it out")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.CommentHandler = words, comment
    parser.StartDoctypeDeclHandler = parser.ProcessingInstructionHandler = parser.EntityDeclHandler = forbid
    parser.StartCdataSectionHandler = forbid
    try:
        parser.Parse(text, True)
        return builder.close()
    except (expat.ExpatError, _Forbidden, UnicodeDecodeError, AssertionError) as error:
        raise FileRefused(where, f"its XML is not taken: {error}") from error
