"""Where geoglm keeps what it may lose: converted and compiled networks, and the pace of this machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Where converted and compiled networks are kept between runs (``GEOGLM_CACHE`` moves it)."""
    return Path(os.environ.get("GEOGLM_CACHE") or platformdirs.user_cache_path("geoglm"))
