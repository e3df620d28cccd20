"""What each arm of a bandit earns, by context: one Bayesian ridge regression an arm, learned row by row.

Of each arm the Cholesky factor L of its precision V = ridge I + sum x x' is kept and updated by rotations (Gill, Golub,
Murray and Saunders, "Methods for modifying matrix factorizations", Mathematics of Computation 1974): unlike an inverse
that is updated by Sherman-Morrison, it stays positive definite however many rows come. With y = L^-1 x an arm's
expected reward x' V^-1 b is y . L^-1 b, and its uncertainty sqrt(x' V^-1 x) is |y|.

Letters in shapes: A arms, D numbers of a context, N rows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.columns import I64
from kernels.jit import kernel

F64 = NDArray[np.float64]


class LinearArms(NamedTuple):
    """What is known of A arms; kernels change the arrays in place."""

    factor: F64  # [A, D, D] lower triangles L
    response: F64  # [A, D] b = sum of reward x
    rows: I64  # [A] rows learned from


def linear_arms(arms: int, dims: int, ridge: float = 1.0) -> LinearArms:
    """Arms of which nothing is known: V = ridge I, and every reward is expected to be 0."""
    factor = np.tile(np.sqrt(ridge) * np.eye(dims), (arms, 1, 1))
    return LinearArms(factor, np.zeros((arms, dims)), np.zeros(arms, np.int64))


@kernel
def learn(arms: LinearArms, arm: I64, x: F64, reward: F64) -> None:
    """Learn in place that arm[N] earned reward[N] in contexts x[N, D]; rows of arm -1 are skipped.

    O(D^2) a row. Raises ValueError when the shapes do not fit, or there is no such arm.
    """
    count, dims = x.shape
    if not len(arm) == len(reward) == count or dims != arms.factor.shape[1]:
        raise ValueError("arm and reward must be [N] and x [N, D]")
    rest = np.empty(dims)
    for n in range(count):
        a = arm[n]
        if a >= len(arms.rows):
            raise ValueError("there is no such arm")
        if a < 0:
            continue
        arms.rows[a] += 1
        for d in range(dims):
            rest[d] = x[n, d]
            arms.response[a, d] += reward[n] * x[n, d]
        _add_square(arms.factor[a], rest)


@kernel
def _add_square(factor: F64, x: F64) -> None:
    """Make the factor of V that of V + x x', in place; x is used up."""
    dims = len(x)
    for k in range(dims):
        long = np.hypot(factor[k, k], x[k])
        cosine, sine = factor[k, k] / long, x[k] / long
        factor[k, k] = long
        for i in range(k + 1, dims):
            below = factor[i, k]
            factor[i, k] = cosine * below + sine * x[i]
            x[i] = cosine * x[i] - sine * below


def learn_numpy(arms: LinearArms, arm: I64, x: F64, reward: F64) -> None:
    """The NumPy twin of `learn`, which factors anew; equal but for rounding."""
    for a in range(len(arms.rows)):
        mine = x[arm == a]
        arms.rows[a] += len(mine)
        arms.response[a] += reward[arm == a] @ mine
        arms.factor[a] = np.linalg.cholesky(arms.factor[a] @ arms.factor[a].T + mine.T @ mine)


@kernel
def estimate(arms: LinearArms, x: F64) -> tuple[F64, F64]:
    """Expected reward and its uncertainty, [N, A] each, in contexts x[N, D].

    The uncertainty is the standard deviation for noise of variance 1. Raises ValueError when the shapes do not fit.
    """
    count, dims = x.shape
    if dims != arms.factor.shape[1]:
        raise ValueError("x must be [N, D]")
    known = len(arms.rows)
    mean, width = np.zeros((count, known)), np.zeros((count, known))
    solved, response = np.empty(dims), np.empty(dims)
    for a in range(known):
        _solve(arms.factor[a], arms.response[a], response)
        for n in range(count):
            _solve(arms.factor[a], x[n], solved)
            square = 0.0
            for d in range(dims):
                mean[n, a] += solved[d] * response[d]
                square += solved[d] * solved[d]
            width[n, a] = np.sqrt(square)
    return mean, width


@kernel
def _solve(factor: F64, x: F64, out: F64) -> None:
    """Write L^-1 x into `out`."""
    for i in range(len(x)):
        rest = x[i]
        for k in range(i):
            rest -= factor[i, k] * out[k]
        out[i] = rest / factor[i, i]


def estimate_numpy(arms: LinearArms, x: F64) -> tuple[F64, F64]:
    """The NumPy twin of `estimate`, by inverses; equal but for rounding."""
    inverse = np.linalg.inv(arms.factor @ arms.factor.transpose(0, 2, 1))
    mean = np.einsum("nd,ade,ae->na", x, inverse, arms.response)
    return mean, np.sqrt(np.einsum("nd,ade,ne->na", x, inverse, x))
