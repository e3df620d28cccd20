"""Which shard owns a post: by its id, so that those that are still to come have an owner too."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from cluster.posts import Post
from kernels.columns import I64

#: Multiplier of Fibonacci hashing (Knuth, TAOCP 3, 6.4), and its high bits.
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_HIGH: Final = np.uint64(32)


class Part(NamedTuple):
    """Shard `number` of so many `shards`."""

    number: int
    shards: int

    def owned(self, post_ids: I64) -> I64:
        """Positions of its posts in post_ids[P]."""
        return np.flatnonzero(owners(post_ids, self.shards) == self.number)

    def of(self, posts: Sequence[Post]) -> list[Post]:
        """Its posts among these."""
        mine = self.owned(np.array([post.post_id for post in posts], np.int64))
        return [posts[i] for i in mine.tolist()]


def owners(post_ids: I64, shards: int) -> I64:
    """The number of the shard of each post."""
    spread = post_ids.astype(np.uint64) * _GOLDEN >> _HIGH
    return (spread * np.uint64(shards) >> _HIGH).astype(np.int64)
