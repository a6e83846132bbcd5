"""What a run needs behind the network is loaded while the network is at work, on a processor's spare moments."""

from __future__ import annotations

import threading
from contextlib import suppress

import numpy as np

from geoglm.jobs.plan import SegmentPlan


def get_ready(plan: SegmentPlan) -> None:
    """Load, in a thread of its own, compiled code and libraries that the first map would wait for."""
    threading.Thread(target=_load, args=(plan,), name="getting ready").start()


def _load(plan: SegmentPlan) -> None:
    with suppress(Exception):  # what is wrong will be said when it is wanted
        from geoglm.infer.decode import Decoder
        from geoglm.stats.area import class_counts
        from geoglm.stitch.overviews import halved

        nothing = np.zeros((2, 2), np.uint8)
        Decoder("map", 1, 1.0)(np.zeros((1, 1, 1, 1), np.float32))
        class_counts(nothing, (0,))
        halved(nothing, "mode")
        halved(nothing, "average")
        if plan.options.vectors != "none":
            from geoglm.jobs.vectorize import load_tracer

            load_tracer()
        import PIL.ImageDraw
        import PIL.ImageFont
        import PIL.PngImagePlugin  # noqa: F401  # of the quicklook
