"""Fitting the wide part of the ranker: logistic regressions on ids and codes, to the end.

By L-BFGS, with a ridge penalty for each table, as if its weights were drawn from a Gaussian around 0. Stochastic
gradients that visit each row once or twice learn such weights too late, or too much of the noise in them.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from kernels.columns import F32, I32, I64
from kernels.jit import kernel
from training.models.ranker_network import POSITIONS
from training.models.wide import CODES

F64 = NDArray[np.float64]

#: A row's own label must not be in what the deep part is to add to, so each part of the rows has a fit without it.
FOLDS: Final = 4
#: The fit of all training rows: what is served, and what days that are held out are measured with.
ALL: Final = FOLDS
_FILE: Final = "wide.npz"


@dataclass(frozen=True, slots=True)
class WideTraining:
    """How the wide part is fitted: the inverse variance of each table's weights, in rows."""

    user: float = 0.3
    post: float = 4.0
    codes: tuple[float, ...] = (1.0, 10.0, 10.0, 3.0)  # of CODES
    position: float = 10.0
    tolerance: float = 1e-7  # a fit ends with a step that lowers its loss by less, relatively
    threads: int = 2

    def __post_init__(self) -> None:
        if len(self.codes) != len(CODES):
            raise ValueError(f"codes must have {len(CODES)} penalties, it has {len(self.codes)}")


@dataclass(frozen=True, slots=True)
class WideRows:
    """What the wide part sees of N rows."""

    user: I64  # [N] row + 1, 0 = unknown
    post: I64  # [N] likewise
    codes: I64  # [N, K] of `wide_codes`
    position: I64  # [N] slot + 1, 0 = unknown; neutral once fitted
    fold: I64  # [N] `fold_of`


def fold_of(user: I64, post: I64) -> I64:
    """The fold of each pair of user and post, 0 to FOLDS - 1."""
    return (user * 7919 + post * 104_729) % FOLDS


@dataclass(frozen=True, slots=True)
class WideShape:
    """Sizes of the tables, without the row for "unknown"."""

    users: int
    posts: int
    sizes: tuple[int, ...]  # of `wide_sizes`


class WidePart(nn.Module):
    """Logits of H heads by FOLDS + 1 fits. Each but the last leaves out one fold.

    Weights are buffers: nothing here is trained further.
    """

    user: Tensor  # [FOLDS + 1, U + 1, H]
    post: Tensor  # [FOLDS + 1, P + 1, H]
    codes: Tensor  # [FOLDS + 1, rows of the table of all codes, H]

    def __init__(self, user: F32, post: F32, codes: F32, sizes: tuple[int, ...]) -> None:
        """`sizes`: of `wide_sizes`."""
        super().__init__()
        self.sizes = sizes
        for name, table in (("user", user), ("post", post), ("codes", codes)):
            self.register_buffer(name, torch.from_numpy(table))

    @classmethod
    def load(cls, folder: Path) -> "WidePart":
        """What `save` wrote."""
        with np.load(folder / _FILE, allow_pickle=False) as tables:
            return cls(tables["user"], tables["post"], tables["codes"], tuple(tables["sizes"].tolist()))

    def save(self, folder: Path) -> None:
        with (folder / _FILE).open("wb") as file:
            tables = {name: table.numpy() for name, table in self.named_buffers()}
            np.savez(file, allow_pickle=False, sizes=np.array(self.sizes, np.int64), **tables)

    def forward(self, fold: Tensor, user: Tensor, post: Tensor, codes: Tensor) -> Tensor:
        """Logits float32[B, H] by fit `fold` [B], of users [B], posts [B] and codes [B, K]."""
        of_codes: Tensor = self.codes[fold[:, None], codes].sum(1)
        return self.user[fold, user] + self.post[fold, post] + of_codes

    @property
    def served(self) -> dict[str, F32]:
        """The weights of the fit of all rows, by the names under which the ranker stores them."""
        return {f"wide.{name}": getattr(self, name)[ALL].numpy() for name in ("user", "post", "codes")}


def fit_wide(
    rows: WideRows,
    targets: F32,
    known: F32,
    squares: Sequence[bool],
    how: WideTraining,
    shape: WideShape,
    tell: Callable[[int, int], None] | None = None,
) -> WidePart:
    """Fit each of H heads by itself.

    Args:
        targets: float32[N, H] labels.
        known: float32[N, H] 1 where the label counts.
        squares: of each head, whether it is a regression by squares instead of a logistic one.
        tell: called after each fit with how many are done, and of how many.
    """
    tables = (shape.users + 1, shape.posts + 1, 1 + sum(shape.sizes))
    columns, penalty = _columns(rows, tables), _penalty(tables, how, shape)
    weights = np.zeros((FOLDS + 1, sum(tables), len(squares)), np.float32)

    def fit(which: tuple[int, int]) -> None:
        h, fold = which
        some = np.flatnonzero((known[:, h] > 0) & (rows.fold != fold))
        found = _fit(columns[some], targets[some, h].astype(np.float64), squares[h], penalty, how.tolerance)
        weights[fold, :, h] = found[: sum(tables)]
        weights[fold, : tables[0], h] += found[-1]  # everyone's constant

    fits = [(h, fold) for h in range(len(squares)) for fold in range(FOLDS + 1)]
    with ThreadPoolExecutor(how.threads) as threads:  # kernels hold no lock
        for done, _ in enumerate(threads.map(fit, fits), start=1):
            if tell is not None:
                tell(done, len(fits))
    user, post, codes = (np.ascontiguousarray(part) for part in np.split(weights, np.cumsum(tables)[:2], axis=1))
    return WidePart(user, post, codes, shape.sizes)


def _columns(rows: WideRows, tables: tuple[int, ...]) -> I32:
    """The weights that each row adds up, [N, K + 4]: of its user, post, codes and position, and the constant."""
    begin = np.cumsum((0, *tables, POSITIONS + 1))
    parts = (rows.user, rows.post + begin[1], rows.codes + begin[2], rows.position + begin[3])
    return np.column_stack([*parts, np.full(len(rows.user), begin[4])]).astype(np.int32)


def _penalty(tables: tuple[int, ...], how: WideTraining, shape: WideShape) -> F64:
    codes = np.repeat((1.0, *how.codes), (1, *shape.sizes))
    users, posts = np.full(tables[0], how.user), np.full(tables[1], how.post)
    return np.concatenate([users, posts, codes, np.full(POSITIONS + 1, how.position), [1e-3]])


def _fit(columns: I32, targets: F64, square: bool, penalty: F64, tolerance: float) -> F64:
    """The weights at which loss and penalty are least."""
    counts = np.bincount(columns.ravel(), minlength=len(penalty))
    # About the root of the second derivatives, so that frequent and rare rows are of one scale.
    scale = 1 / np.sqrt((1.0 if square else 0.2) * counts + penalty)
    slope = np.empty(len(penalty))

    def loss(scaled: F64) -> tuple[float, F64]:
        weights = scaled * scale
        value = _loss(columns, targets, square, weights, slope)
        return value + 0.5 * float((penalty * weights * weights).sum()), (slope + penalty * weights) * scale

    found = minimize(loss, np.zeros(len(scale)), jac=True, method="L-BFGS-B", options={"ftol": tolerance})
    best: F64 = found.x * scale
    return best


@kernel
def _loss(columns: I32, targets: F64, square: bool, weights: F64, slope: F64) -> float:
    """Sum of the losses of all rows; writes its derivatives by the weights to `slope`."""
    slope[:] = 0.0
    total = 0.0
    for i in range(len(columns)):
        logit = 0.0
        for column in columns[i]:
            logit += weights[column]
        if square:
            error = logit - targets[i]
            total += 0.5 * error * error
        else:
            total += max(logit, 0.0) + np.log1p(np.exp(-abs(logit))) - targets[i] * logit
            error = 1 / (1 + np.exp(-logit)) - targets[i]
        for column in columns[i]:
            slope[column] += error
    return total
