"""What hypothesis draws: shapes, class maps."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

lengths = st.one_of(st.integers(1, 70), st.sampled_from([97, 128, 257, 1009]))


@st.composite
def class_maps(draw: st.DrawFn, side: int = 14) -> np.ndarray:
    """Small maps of a few classes with holes of no data, noisy or blocky."""
    shape = draw(st.tuples(st.integers(1, side), st.integers(1, side)))
    values = draw(st.sampled_from([(0, 1), (0, 1, 2), (0, 1, 255), (3, 255), (7,)]))
    cells = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from(values)))
    times = draw(st.integers(1, 3))
    return cells.repeat(times, axis=0).repeat(draw(st.integers(1, 3)), axis=1)
