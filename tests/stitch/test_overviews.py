"""Overviews against the slow obvious version."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geoglm.stitch.overviews import Joining, halved


def joined(four: list[int], joining: Joining) -> int:
    there = [v for v in four if v != 255]
    if not there:
        return 255
    return Counter(there).most_common(1)[0][0] if joining == "mode" else int(np.floor(np.mean(there) + 0.5))


@pytest.mark.parametrize("joining", ["mode", "average"])
@given(values=hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6)).map(lambda s: (2 * s[0], 2 * s[1])),
                         elements=st.sampled_from([0, 1, 2, 100, 254, 255])))  # fmt: skip
def test_a_coarser_pixel_is_the_majority_or_mean_of_four(values: np.ndarray, joining: Joining) -> None:
    coarse = halved(values, joining)
    for y, x in np.ndindex(coarse.shape):
        assert coarse[y, x] == joined(values[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel().tolist(), joining)
