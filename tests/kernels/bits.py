"""Equality to the bit, and float32 values that hurt."""

import numpy as np
from hypothesis import strategies as st

floats = st.floats(width=32, allow_subnormal=True) | st.sampled_from([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0])


def assert_same_bits(ours, twin):
    """Same dtype, shape and bits; one NaN is as good as another."""
    ours, twin = np.asarray(ours), np.asarray(twin)
    assert (ours.dtype, ours.shape) == (twin.dtype, twin.shape)
    if ours.dtype.kind == "f":
        ours, twin = (np.where(np.isnan(x), np.float32(np.nan), x) for x in (ours, twin))
    assert ours.tobytes() == twin.tobytes(), f"{ours}\n{twin}"
