"""Workers made to fail. By itself, so that they need not import what tests need."""

from pathlib import Path
from typing import Any


def wear_out() -> None:
    """From here on no scene is found by this worker."""
    from geoglm.errors import SceneNotFound
    from geoglm.jobs import scorer

    def worn_out(self: Any) -> Any:
        raise SceneNotFound(Path("worn out"))

    scorer.PackedScorer.whole = scorer.PackedScorer.here  # type: ignore[attr-defined]
    scorer.PackedScorer.here = worn_out  # type: ignore[method-assign]


def mend() -> None:
    """As it was before."""
    from geoglm.jobs import scorer

    scorer.PackedScorer.here = scorer.PackedScorer.whole  # type: ignore[attr-defined,method-assign]
