"""Whether the pre-ranker keeps what the ranker would choose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cluster.ranking_rules import utility_weights
from kernels.columns import F32
from kernels.trees import Forest, predict_forest
from kernels.utility import utility
from training.data.dataset import DataSet
from training.evaluation.split import Split
from training.features.history import contexts_of, history_at
from training.features.log import Log
from training.models.ranker import RankerModel

#: Candidates of a feed, how many of them the pre-ranker sends on, and the ranker's best of all.
CANDIDATES: Final = 300
SENT_ON: Final = 100
BEST: Final = 20
RECALL: Final = f"recall@{SENT_ON} of the best {BEST}"
#: Feeds that are looked at.
FEEDS: Final = 300


@dataclass(frozen=True, slots=True)
class PrerankResult:
    feeds: int
    candidates: int  # of each feed
    recall: dict[str, float]  # share of the ranker's best that is sent on: by the pre-ranker, popularity, chance


def evaluate_prerank(
    dataset: DataSet, split: Split, forest: Forest, ranker: RankerModel, weights: Mapping[str, float], seed: int
) -> PrerankResult:
    """Ask both models for the feeds of people of the test days, each with candidates as many as a feed's sources give.

    Features know what happened up to the end of training. Candidates are drawn by how often posts were shown.
    `weights`: the utility of each head, as the settings have them.
    """
    log = Log.load(dataset)
    past = Log.load(dataset, split.train_until)
    history = history_at(past, split.snapshot_ms(log))
    rng = np.random.default_rng(seed)
    rows = split.test_rows(log)
    _, first = np.unique(log.impressions.user[rows], return_index=True)
    rows = rng.permutation(rows[first])[:FEEDS]
    shown = np.bincount(past.impressions.post, minlength=len(past.posts.ids)).astype(np.float64)
    count = min(CANDIDATES, int((shown > 0).sum()))
    of_heads = utility_weights(weights, ranker.heads)
    kept = {"pre-ranker": 0.0, "popularity": 0.0}
    for row in rows:
        user, posts = (
            int(log.impressions.user[row]),
            rng.choice(len(shown), count, replace=False, p=shown / shown.sum()),
        )
        contexts = contexts_of(log, np.full(count, row), np.full(count, user, np.int32))
        x = history.features(contexts, posts.astype(np.int32))
        worth, margin = np.empty(count, np.float32), np.empty(count, np.float32)
        utility(ranker.predict(user, posts, x), of_heads, worth)
        predict_forest(forest, x, margin)
        kept["pre-ranker"] += share_kept(worth, margin)
        kept["popularity"] += share_kept(worth, shown[posts].astype(np.float32))
    recall = {name: total / len(rows) for name, total in kept.items()}
    return PrerankResult(len(rows), count, {**recall, "chance": min(SENT_ON / count, 1.0)})


def share_kept(worth: F32, margin: F32) -> float:
    """Share of the BEST by `worth` [C] that are among the SENT_ON by `margin` [C]."""
    best, sent = _first(worth, BEST), _first(margin, SENT_ON)
    return float(np.isin(best, sent).mean())


def _first(scores: F32, k: int) -> NDArray[np.intp]:
    return np.argsort(-scores, kind="stable")[:k]
