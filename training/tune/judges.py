"""What a trial is judged by: held-out days, measured as `cascade evaluate` measures them."""

import copy
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cluster.errors import CascadeError
from kernels.actions import BIT
from training.data.dataset import DataSet
from training.evaluation.quality import primary
from training.evaluation.ranking import LABEL
from training.evaluation.retrieval import HeldOut, recalls
from training.evaluation.retrievers import Histories, nearest
from training.evaluation.split import Split
from training.features.log import Log
from training.models.two_tower import UserTower
from training.models.two_tower_network import TwoTower

#: Depth of the recall that retrievers are judged by, and users at most that it is measured on.
DEPTH: Final = 100
USERS: Final = 4000


class RankingJudge:
    """How well scores order what users were shown on each held-out day, by long views."""

    name: Final = "primary"

    def __init__(self, examples: Path) -> None:
        """`examples`: a file of examples that know what happened before their day.

        Raises CascadeError when no user was shown posts with and without a long view on a day.
        """
        table = pq.read_table(examples, columns=["user_row", "day", "actions", "known"])
        columns = {name: table[name].to_numpy() for name in table.column_names}
        self._rows = np.flatnonzero(columns["known"] & BIT[LABEL])
        self._lists = (columns["user_row"].astype(np.int64) * 1_000_000 + columns["day"])[self._rows]
        self._labels = (columns["actions"][self._rows] & BIT[LABEL] != 0).astype(np.float64)
        if not len(self._rows) or not np.isfinite(self(np.zeros(len(table)))):
            raise CascadeError(
                f"nobody was shown posts with and without {LABEL} on a held-out day: no ranking is better than another",
                "search on data with more users, or hold out more days",
            )

    def __call__(self, scores: NDArray[Any]) -> float:
        """The metric of scores [N] of the file's rows."""
        return primary(self._lists, self._labels, scores[self._rows])


class RetrievalJudge:
    """How many of the posts that people came to like on the held-out days are among the first `DEPTH`."""

    name: Final = f"recall@{DEPTH}"

    def __init__(self, dataset: DataSet, split: Split, log: Log, seed: int) -> None:
        """`log`: of the days up to `split.train_until`. Raises CascadeError when nobody liked anything new."""
        self._held_out = HeldOut(dataset, split)
        if not len(self._held_out.users):
            raise CascadeError("nobody liked a new post on the held-out days", "hold out more days")
        users = np.random.default_rng(seed).permutation(self._held_out.users)[:USERS]
        self._held_out.users = np.sort(users)
        self._histories = Histories(log, split, self._held_out.users)
        self._shown = (np.bincount(log.impressions.post, minlength=len(log.posts.ids)) > 0).astype(np.float32)
        self._seed = seed

    def __call__(self, network: TwoTower) -> float:
        """The recall of the model as it would be served."""
        with tempfile.TemporaryDirectory() as folder:
            copy.deepcopy(network).cpu().export(Path(folder), self._shown)
            tower, posts = UserTower.load(Path(folder)), np.load(Path(folder) / "post_vectors.npy")
        scorer = nearest(self._histories, tower.encode, posts, self._held_out.popularity)
        return recalls(self._held_out, scorer, [DEPTH], self._seed)[self.name]


def held_out_file(days: Sequence[Path], path: Path) -> Path:
    """Write the examples of several days as one file, which trainers hold out; what a user was shown on a day together.

    So they keep the order even where a trainer wants the rows of a list one after the other.
    """
    table = pa.concat_tables([pq.read_table(day) for day in days])
    order = np.lexsort((table["user_row"].to_numpy(), table["day"].to_numpy()))
    pq.write_table(table.take(order), path, compression="zstd")
    return path
