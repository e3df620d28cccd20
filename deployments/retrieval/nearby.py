"""Nearest posts by their ids, which are the same everywhere: rows of those that came after the release are not."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kernels.columns import F32, I64
from kernels.topk import top_k


class Nearby(NamedTuple):
    """The posts nearest to a vector, the nearest first."""

    post_ids: I64  # [n]
    scores: F32  # [n]


def merged(found: Sequence[Nearby], k: int) -> I64:
    """Ids of the `k` nearest posts of all shards together."""
    ids = np.concatenate([near.post_ids for near in found])
    nearest: I64 = ids[top_k(np.concatenate([near.scores for near in found]), k)]
    return nearest
