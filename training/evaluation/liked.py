"""What counts as liked where retrieval and whole feeds are measured."""

import numpy as np
from numpy.typing import NDArray

from kernels.actions import BIT
from training.data.dataset import DataSet
from training.features.log import Log


def liked(dataset: DataSet, log: Log) -> NDArray[np.bool_]:
    """Impressions with a long view, a like, or a stay as long as the post: [N], in the log's order."""
    watch_ms = dataset.read("impressions", ["watch_ms"])["watch_ms"].to_numpy().astype(np.float64)
    duration_ms = dataset.read("posts", ["duration_ms"])["duration_ms"].to_numpy().astype(np.float64)
    duration_ms = duration_ms[log.impressions.post]
    finished = (watch_ms >= duration_ms) & (duration_ms > 0)  # unknown ones are NaN, and no comparison holds
    liked: NDArray[np.bool_] = finished | (log.impressions.actions & (BIT["long_view"] | BIT["like"]) != 0)
    return liked
