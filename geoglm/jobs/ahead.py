"""Working ahead: what comes next is made in another thread while this one uses what came."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Full, Queue
from typing import Any, TypeVar

T = TypeVar("T")


def ahead(source: Iterable[T], *, depth: int = 2) -> Iterator[T]:
    """The same things in the same order, up to `depth` of them made before they are asked for.

    An error in the making is raised here. Whoever stops early stops the making as well.
    """
    ready: Queue[tuple[str, Any]] = Queue(depth)
    stopped = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not stopped.is_set():
            try:
                ready.put((kind, value), timeout=0.1)
            except Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for thing in source:
                if not put("thing", thing):
                    return
        except BaseException as error:
            put("error", error)
        else:
            put("end", None)

    maker = threading.Thread(target=make, name="ahead", daemon=True)
    maker.start()
    try:
        while True:
            kind, value = ready.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stopped.set()
        maker.join()
