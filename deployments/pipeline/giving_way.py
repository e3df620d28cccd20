"""How soft filters give way."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Masks = NDArray[np.bool_]


def give_way(passed: Masks, wanted: Sequence[int], limit: int) -> Masks:
    """Mask [C] of the candidates that stay.

    While fewer are left than filter s wants, what it removed comes back, up to `limit` in all: what comes first in the
    order of candidates, and only what no filter removed that still stands.

    Args:
        passed: bool[S, C], whether filter s keeps candidate c; filters in the order in which they give way.
        wanted: how many candidates must be left for each filter to stand.
    """
    kept: Masks = np.logical_and.reduce(passed, axis=0)
    stands = np.ones(len(passed), np.bool_)
    for s in range(len(passed)):
        left = int(np.count_nonzero(kept))
        if left < wanted[s]:
            stands[s] = False
            kept[np.flatnonzero(passed[stands].all(axis=0) & ~kept)[: max(0, limit - left)]] = True
    return kept
