"""Matrix factorisation of who was shown what: a baseline that learned retrievers must beat.

Alternating least squares for implicit feedback: Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback
datasets", ICDM 2008, with the weights and the penalty by frequency of Rendle et al., "Revisiting the performance of
iALS on item recommendation benchmarks", RecSys 2022. U users, P posts, D dimensions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from kernels.columns import F32
from training.features.log import Log
from training.train.sequence_batches import target_weights
from training.train.steps import Metrics, Step

#: Systems of equations that are solved at a time.
_BATCH: Final = 1024


@dataclass(frozen=True, slots=True)
class MfTraining:
    """How users and posts are factorised."""

    dim: int = 64
    sweeps: int = 10
    idle_weight: float = 0.3  # of what was shown and got no positive action; a positive one has 1
    unobserved: float = 0.02  # weight of a post that a user was not shown
    penalty: float = 0.1
    seed: int = 1


def train_mf(step: Step, log: Log, tell: Callable[[int, int], None]) -> Metrics:
    """Factorise the impressions of `log`; write `users.npy` float32[U, D] and `posts.npy` float32[P, D].

    The step's config is an MfTraining. `tell` hears how many sweeps are done, and of how many.
    """
    seen = log.impressions
    weights = target_weights(seen.actions, step.config.idle_weight)
    shape = (len(log.users.ids), len(log.posts.ids))
    users_posts = sp.coo_matrix((weights, (seen.user, seen.post)), shape=shape).tocsr()
    users, posts, loss = factorise(users_posts, step.config, tell)
    np.save(step.folder / "users.npy", users)
    np.save(step.folder / "posts.npy", posts)
    return {"users": shape[0], "posts": shape[1], "loss": loss}


def factorise(
    users_posts: sp.csr_matrix, how: MfTraining, tell: Callable[[int, int], None]
) -> tuple[F32, F32, list[float]]:
    """Vectors float32[U, D] and float32[P, D] whose products are near 1 where `users_posts` has weight, else near 0.

    Also the loss after each sweep.
    """
    rng = np.random.default_rng(how.seed)
    posts = (rng.normal(size=(users_posts.shape[1], how.dim)) * 0.1 / np.sqrt(how.dim)).astype(np.float32)
    posts_users, losses = users_posts.T.tocsr(), []
    for sweep in range(how.sweeps):
        users = _solve(users_posts, posts, how)
        posts = _solve(posts_users, users, how)
        losses.append(loss_of(users_posts, users, posts, how))
        tell(sweep + 1, how.sweeps)
    return users, posts, losses


def loss_of(users_posts: sp.csr_matrix, users: F32, posts: F32, how: MfTraining) -> float:
    """What the sweeps make smaller."""
    entries = users_posts.tocoo()
    errors = 1 - np.einsum("nd,nd->n", users[entries.row], posts[entries.col])
    unobserved = how.unobserved * np.vdot(users.T @ users, posts.T @ posts)
    sizes = [
        penalties(rows, how) @ np.square(vectors).sum(axis=1)
        for rows, vectors in ((users_posts, users), (users_posts.T.tocsr(), posts))
    ]
    return float(entries.data @ np.square(errors) + unobserved + sum(sizes))


def penalties(rows: sp.csr_matrix, how: MfTraining) -> F32:
    """L2 penalty float32[N] of each row's vector: the more it is to explain, the more it is held."""
    weights: F32 = how.penalty * (np.diff(rows.indptr) + how.unobserved * rows.shape[1]).astype(np.float32)
    return weights


def _solve(rows: sp.csr_matrix, fixed: F32, how: MfTraining) -> F32:
    """The best vectors [N, D] for `rows` [N, M], given those of the columns."""
    shared = how.unobserved * fixed.T @ fixed
    held = penalties(rows, how)
    vectors = np.empty((rows.shape[0], fixed.shape[1]), np.float32)
    diagonal = np.arange(fixed.shape[1])
    for begin in range(0, len(vectors), _BATCH):
        part = slice(begin, min(begin + _BATCH, len(vectors)))
        left = np.tile(shared, (part.stop - begin, 1, 1))
        right = np.empty((part.stop - begin, fixed.shape[1], 1), np.float32)
        for i in range(begin, part.stop):
            entries = slice(rows.indptr[i], rows.indptr[i + 1])
            columns, weights = fixed[rows.indices[entries]], rows.data[entries]
            left[i - begin] += (columns.T * weights) @ columns
            right[i - begin, :, 0] = weights @ columns
        left[:, diagonal, diagonal] += held[part, None]
        vectors[part] = np.linalg.solve(left, right)[:, :, 0]
    return vectors
