"""The best that can be known of a synthetic world, for the same impressions: what figures should be held against."""

import numpy as np

from kernels.columns import I64
from training.data.dataset import DataSet
from training.data.synth.behaviour import F64
from training.data.synth.world import TRUTH, World
from training.evaluation.beyond_accuracy import NONE
from training.evaluation.occasions import Occasions
from training.features.log import Log

#: The chance of each action as it was logged: by who, what, when, and at which position it was shown.
LOGGED = "oracle (truth)"
#: The chance once the person looks: a perfect ranker, which cannot know the position, orders by this.
RELEVANCE = "oracle (relevance)"


def oracles(dataset: DataSet, log: Log, rows: I64) -> dict[str, dict[str, F64]]:
    """Oracle -> head -> true probability (watch time: expected seconds) f64[len(rows)] of the impressions `rows`.

    Empty for a data set that is not synthetic.
    """
    if not is_synthetic(dataset):
        return {}
    seen = log.impressions
    world = World.load(dataset.folder)
    shown = log.users.ids[seen.user[rows]], log.posts.ids[seen.post[rows]], seen.time_ms[rows]
    return {LOGGED: world.probabilities(*shown, seen.position[rows]), RELEVANCE: world.probabilities(*shown)}


class FeedOracle:
    """What the users of a synthetic world would do with any post, if they looked at it."""

    def __init__(self, dataset: DataSet, log: Log, head: str) -> None:
        """`head`: the action whose chance is told. Raises CascadeError for a data set that is not synthetic."""
        self._world = World.load(dataset.folder)
        self._log = log
        self._head = head

    def of_posts(self, occasions: Occasions, f: int) -> F64:
        """The chance f64[P] of each post on occasion f."""
        user = self._log.users.ids[occasions.user[f]]
        return self._world.probabilities(user, self._log.posts.ids, occasions.time_ms[f])[self._head]

    def of_feeds(self, occasions: Occasions, feeds: I64) -> F64:
        """The chance f64[F, K] of each post of `feeds` i64[F, K]; anything where there is none."""
        posts = self._log.posts.ids[np.where(feeds == NONE, 0, feeds)]
        users = np.broadcast_to(self._log.users.ids[occasions.user][:, None], feeds.shape)
        times = np.broadcast_to(occasions.time_ms[:, None], feeds.shape)
        known = self._world.probabilities(users.ravel(), posts.ravel(), times.ravel())
        return known[self._head].reshape(feeds.shape)


def is_synthetic(dataset: DataSet) -> bool:
    return (dataset.folder / TRUTH).is_dir()
