"""A release of a data set whose models are made by hand, in no time."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import xgboost

from cluster.post_table import PostTable
from deployments.loaded_release import LoadedRelease
from kernels.actions import ACTIONS, BIT
from kernels.columns import CONTENT_DIM
from kernels.features import INDEX
from training.data.dataset import DataSet
from training.evaluation.split import Split
from training.features.examples import features_of
from training.features.history import history_at
from training.features.log import Log
from training.models.forest import forest_from_xgboost
from training.models.post_tower import unit
from training.models.two_tower import AGES, DIM, UserTower
from training.release.build import ad_rows, popular_rows
from training.release.index import build_index
from training.release.similar_authors import similar_authors


class Rates:
    """A ranker that predicts each post's own rates."""

    heads = ("like", "long_view")

    def predict(self, user_row, post_rows, x):
        return x[:, [INDEX["post_like_rate_28d"], INDEX["post_long_view_rate_28d"]]]


def release_of(dataset: DataSet, split: Split) -> Any:
    """Contents as vectors, a few trees, and rates: all that was known at the end of the training days."""
    past = Log.load(dataset, split.train_until)
    end_ms = split.snapshot_ms(past)
    posts = PostTable(past.posts.ids, past.posts.author_ids, history_at(past, end_ms).posts)
    rng = np.random.default_rng(0)
    vectors = unit(posts.columns.content @ rng.normal(size=(CONTENT_DIM, DIM)).astype(np.float32))
    rows = past.rows_between(end_ms - 86_400_000, end_ms)
    x = features_of(past, np.arange(rows.start, rows.stop), end_ms - 86_400_000)
    labels = past.impressions.actions[rows] & BIT["long_view"] != 0
    trees = xgboost.train({"max_depth": 3, "nthread": 1}, xgboost.DMatrix(x, labels), 5)
    return LoadedRelease(
        release=SimpleNamespace(name="by hand", manifest=SimpleNamespace(utc_offset_ms=past.utc_offset_ms)),
        posts=posts,
        vocabularies=past.vocabularies,
        user_ids=past.users.ids,
        popular=popular_rows(posts.columns),
        index=build_index(vectors, vectors)[0],
        user_tower=UserTower(
            vectors, np.ones(1 << len(ACTIONS), np.float32), np.ones(AGES, np.float32), np.zeros(DIM, np.float32)
        ),
        post_tower=None,
        forest=forest_from_xgboost(trees),
        ranker=Rates(),
        ads=ad_rows(dataset, posts),
        similar_authors=similar_authors(vectors, posts.columns.author, len(posts.author_ids)),
    )
