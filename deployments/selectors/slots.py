"""Posts that have a place of their own."""

from collections.abc import Sequence

import numpy as np

from deployments.pipeline.candidates import Candidates


def put(own: Candidates, slots: Sequence[int], feed: Candidates) -> Candidates:
    """`feed` with post i of `own` at position slots[i], as far as it reaches; slots ascend from 0."""
    reached = [slot for i, slot in enumerate(slots[: len(own)]) if slot - i <= len(feed)]
    at = np.array(reached, np.int64) - np.arange(len(reached))
    order = np.insert(np.arange(len(feed)), at, len(feed) + np.arange(len(reached)))
    return feed.then(own).take(order)
