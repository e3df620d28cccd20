"""What whole feeds are worth: do they hold what people came to like, and what else do they show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from kernels.columns import I64
from training.evaluation.beyond_accuracy import (
    NONE,
    coverage,
    exposure_gini,
    intra_list_distance,
    intra_list_variety,
    novelty,
)
from training.evaluation.bootstrap import Interval, resample
from training.evaluation.metrics import ByList
from training.evaluation.occasions import Occasions
from training.evaluation.ranked import F64, Array
from training.features.log import Log

#: Depths at which feeds are measured.
DEPTHS: Final = (10, 50)

#: A score [P] of all posts for occasion f.
Score = Callable[[int], Array]


@dataclass(frozen=True, slots=True)
class FeedQuality:
    of_lists: dict[str, Interval]  # means over occasions; users are resampled
    of_all: dict[str, float]  # of all feeds together


def best_unseen(occasions: Occasions, log: Log, score: Score, k: int) -> I64:
    """Feeds i64[F, k] of the posts with the best scores among those that are published and not yet shown."""
    feeds = np.full((len(occasions), k), NONE)
    for f in range(len(occasions)):
        free = np.flatnonzero(occasions.open_posts(log, f))
        best = free[np.argsort(-score(f)[free], kind="stable")[:k]]
        feeds[f, : len(best)] = best
    return feeds


def measure_feeds(
    occasions: Occasions, log: Log, impressions: Array, feeds: I64, truth: Mapping[str, F64] | None = None
) -> FeedQuality:
    """Measure `feeds` i64[F, K], filled up with NONE, at all DEPTHS.

    Args:
        impressions: [P] how often each post had been shown before the test days, for novelty.
        truth: metrics [F, K] of each place of the feeds, told as means over what the first k places show.
    """
    lists: dict[str, ByList] = {}
    of_all: dict[str, float] = {}
    posts, last_ms = log.posts, int(occasions.time_ms.max())
    published = posts.created_ms <= last_ms
    publishing = np.bincount(posts.author[published], minlength=len(posts.author_ids)) > 0
    for k in DEPTHS:
        top = feeds[:, :k]
        lists |= {f"{name}@{k}": metric for name, metric in accuracy(occasions, top, k).items()}
        lists[f"distance@{k}"] = ByList.mean(intra_list_distance(top, posts.content))
        lists[f"authors@{k}"] = ByList.mean(intra_list_variety(top, posts.author))
        lists[f"kinds@{k}"] = ByList.mean(intra_list_variety(top, posts.kind))
        lists[f"novelty@{k}"] = ByList.mean(novelty(top, impressions))
        for name, values in (truth or {}).items():
            shown = (top != NONE).astype(np.float64)
            lists[f"{name}@{k}"] = ByList((values[:, :k] * shown).sum(axis=1), shown.sum(axis=1))
        of_all[f"coverage@{k}"] = coverage(top, published)
        of_all[f"gini@{k}"] = exposure_gini(top, posts.author, publishing)
    draws = resample({name: metric.grouped(occasions.user) for name, metric in lists.items()})
    return FeedQuality({name: Interval.of(values) for name, values in draws.items()}, of_all)


def accuracy(occasions: Occasions, feeds: I64, k: int) -> dict[str, ByList]:
    """Recall, nDCG and hit rate of feeds i64[F, k] over the occasions on which something was liked.

    Gains are 0 and 1 (Järvelin and Kekäläinen, 2002); a hit is a feed with at least one post that was liked.
    """
    row, place = np.nonzero(feeds != NONE)
    hits = np.zeros((len(feeds), k))
    hits[row, place] = np.asarray(occasions.liked[row, feeds[row, place]]).ravel()
    positives = np.diff(occasions.liked.indptr)
    counts = positives > 0
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(positives, k)]
    ndcg = np.divide(hits @ discounts[: hits.shape[1]], ideal, out=np.zeros(len(feeds)), where=counts)
    recall = np.divide(hits.sum(axis=1), positives, out=np.zeros(len(feeds)), where=counts)
    weight = counts.astype(np.float64)
    return {
        "recall": ByList(recall, weight),
        "ndcg": ByList(ndcg, weight),
        "hit_rate": ByList((hits.any(axis=1) & counts).astype(np.float64), weight),
    }
