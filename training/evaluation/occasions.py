"""When people could have opened their feeds on held-out days, and what they came to like then."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kernels.columns import I64
from training.data.dataset import DataSet
from training.evaluation.liked import liked
from training.evaluation.split import Split
from training.features.examples import day_number
from training.features.log import Log


@dataclass(frozen=True, slots=True)
class Occasions:
    """F mornings: each of a user who came on a test day, at the moment when that day began. In time order."""

    user: I64  # [F] user rows
    time_ms: I64  # [F]
    shown: sp.csr_matrix  # [F, P] posts that the user was shown before, 0 or 1
    liked: sp.csr_matrix  # [F, P] posts that the user came to like on that day, and was not shown before

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def draw(cls, dataset: DataSet, log: Log, split: Split, users: int, seed: int) -> "Occasions":
        """Those of up to `users` users drawn from all who came on the test days of `split`."""
        seen, rows = log.impressions, split.test_rows(log)
        came = np.unique(seen.user[rows])
        some = np.random.default_rng(seed).choice(came, min(users, len(came)), replace=False)
        rows = rows[np.isin(seen.user[rows], some)]
        mornings, of_row = np.unique(
            np.stack([seen.date[rows].astype(np.int64), seen.user[rows]]), axis=1, return_inverse=True
        )
        dates, user = mornings
        begins = {date: log.day_start_ms(day_number(str(date))) for date in np.unique(dates).tolist()}
        time_ms = np.array([begins[date] for date in dates.tolist()], np.int64)
        shape = (len(user), len(log.posts.ids))
        before = [_before(log, u, t) for u, t in zip(user.tolist(), time_ms.tolist(), strict=True)]
        shown = _matrix(np.repeat(np.arange(len(user)), [len(b) for b in before]), np.concatenate(before), shape)
        likes = liked(dataset, log)[rows]
        later = _matrix(of_row.ravel()[likes], seen.post[rows][likes], shape)
        new = (later - later.multiply(shown)).tocsr()
        new.eliminate_zeros()
        return cls(user.astype(np.int64), time_ms, shown, new)

    def open_posts(self, log: Log, f: int) -> NDArray[np.bool_]:
        """Posts bool[P] that could be new to the user of occasion f: published, and not shown before."""
        free: NDArray[np.bool_] = log.posts.created_ms <= self.time_ms[f]
        free[self.shown.indices[self.shown.indptr[f] : self.shown.indptr[f + 1]]] = False
        return free


def _before(log: Log, user: int, time_ms: int) -> NDArray[Any]:
    """Posts that a user was shown before a moment."""
    rows = log.by_user[log.starts[user] : log.starts[user + 1]]
    return log.impressions.post[rows[: np.searchsorted(log.impressions.time_ms[rows], time_ms)]]


def _matrix(row: NDArray[Any], column: NDArray[Any], shape: tuple[int, int]) -> sp.csr_matrix:
    """1 at the given places, however often they are given."""
    matrix: Any = sp.csr_matrix((np.ones(len(row), np.float32), (row, column)), shape)
    matrix.data[:] = 1
    return matrix
