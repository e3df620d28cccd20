"""Which shard owns a post: by its id, so that those that are still to come have an owner too."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cluster.posts import Post
from kernels.columns import I64
from kernels.hashing import hashed


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
    return (hashed(post_ids).astype(np.uint64) * np.uint64(shards) >> np.uint64(32)).astype(np.int64)
