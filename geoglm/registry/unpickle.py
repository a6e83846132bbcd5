"""Weights out of a pickle: in a process of its own, which may not reach the network nor write but its one file.

Run as a module with a ``.pt`` file and the safetensors file to write. PyTorch's restricted unpickler
(``weights_only=True``) makes tensors and nothing else; should it ever be fooled, the process has no network (where
Linux lets it leave that) and Python's audit hooks end it at the first attempt to run, connect or write elsewhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from geoglm.errors import RefusedModel

MOST_BYTES = 2 * 2**30
"""Of a pickle."""
PATIENCE_S = 300
PREFIXES = ("module.", "_orig_mod.")
"""What wrappers put before the names of tensors."""
HOLDERS = ("state_dict", "model_state_dict", "model")
"""Under which names checkpoints keep their tensors."""


def weights_of(pickled: Path, target: Path) -> None:
    """Write the tensors of the pickle at `pickled` as safetensors to `target`.

    Raises:
        RefusedModel: it holds anything but tensors, or is too large.
    """
    if not pickled.is_file():
        raise RefusedModel(pickled, "no such file")
    if (size := pickled.stat().st_size) > MOST_BYTES:
        raise RefusedModel(pickled, f"its {size / 1e9:.1f} GB are more than {MOST_BYTES / 1e9:.1f} GB")
    words = [sys.executable, "-P", "-m", __name__, str(pickled.resolve()), str(target)]
    try:
        told = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise RefusedModel(pickled, f"reading it did not come to an end within {PATIENCE_S} s") from error
    if told.returncode:
        why = next((line for line in reversed(told.stderr.splitlines()) if line.strip()), "the process died")
        raise RefusedModel(pickled, f"its tensors cannot be had: {why[:300]}")


def convert(pickled: Path, target: Path) -> None:
    """What the process does."""
    import torch
    from safetensors.torch import save_file

    _confine(target)
    held: Any = torch.load(pickled, map_location="cpu", weights_only=True)
    for name in HOLDERS:
        if isinstance(held, dict) and isinstance(held.get(name), dict):
            held = held[name]
    if not isinstance(held, dict) or not all(isinstance(v, torch.Tensor) for v in held.values()) or not held:
        raise ValueError("it holds no table of tensors; save model.state_dict()")
    state = {_plain(str(name)): value.detach().contiguous().clone() for name, value in held.items()}
    save_file(state, target)


def _plain(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _confine(target: Path) -> None:
    """Leave the network where that is possible, and refuse what reading tensors does not need."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        new_user, new_net = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET
        ctypes.CDLL(None).unshare(new_user | new_net)
    refused = (
        "socket.",
        "subprocess.",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "ctypes.dlopen",
        "shutil.",
    )

    def watch(event: str, given: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if event.startswith(refused) or (writes and str(given[0]) not in (str(target), os.devnull)):
            sys.stderr.write(f"\nit asks for {event}, which tensors have no need of\n")
            sys.stderr.flush()
            os._exit(3)

    sys.addaudithook(watch)


if __name__ == "__main__":
    try:
        convert(Path(sys.argv[1]), Path(sys.argv[2]))
    except Exception as error:  # whatever is wrong with it is told in a line
        sys.exit(" ".join(str(error).split())[:300])
