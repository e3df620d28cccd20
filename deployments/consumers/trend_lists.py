"""The lists of what trends: everywhere, in each region and on each topic."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cluster.post_counters import Trending
from kernels.columns import F32, I64
from kernels.trending import REGIONS, regional_trends, trends

#: Posts in the list of everywhere, and in that of a region or topic.
EVERYWHERE: Final = 300
EACH: Final = 100
#: A trend weaker than this may be chance: deviations of a Poisson count.
LEAST: Final = 1.0


def trend_lists(ids: I64, posts: NDArray[np.void], now_ms: int) -> Trending:
    """What trends at `now_ms`, of posts `ids` [n] with their counters RECORD[n]."""
    everywhere = np.empty(len(ids), np.float32)
    trends(posts["counts"], posts["counted_ms"], now_ms, everywhere)
    in_region = np.empty((len(ids), REGIONS), np.float32)
    regional_trends(posts["region_hour"], posts["region_day"], posts["told_ms"], now_ms, in_region)
    return Trending(
        time_ms=now_ms,
        everywhere=_strongest(ids, everywhere, EVERYWHERE),
        by_region=_by_group(np.repeat(ids, REGIONS), posts["region"].ravel(), in_region.ravel()),
        by_topic=_by_group(ids, posts["topic"], everywhere),
    )


def _by_group(ids: I64, groups: I64, strength: F32) -> dict[int, bytes]:
    """The strongest of each group; group 0 is none."""
    some = np.flatnonzero((groups != 0) & (strength >= LEAST))
    some = some[np.argsort(groups[some], kind="stable")]
    names, begin = np.unique(groups[some], return_index=True)
    return {
        int(name): _strongest(ids[part], strength[part], EACH)
        for name, part in zip(names, np.split(some, begin)[1:], strict=True)
    }


def _strongest(ids: I64, strength: F32, limit: int) -> bytes:
    order = np.argsort(-strength, kind="stable")[:limit]
    return ids[order[strength[order] >= LEAST]].tobytes()
