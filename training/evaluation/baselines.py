"""Retrieval without learning by gradient: what a learned retriever must beat to be worth its cost."""

from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from kernels.columns import F32

#: EASE inverts a matrix of posts x posts: above this it is no longer a quick check.
EASE_POSTS = 12_000
#: L2 penalty of EASE, in co-occurrences.
EASE_PENALTY = 500.0


def cosine(users_posts: sp.csr_matrix) -> F32:
    """Item-to-item weights float32[P, P]: cosine of two posts over the users [U, P] who met them, diagonal 0."""
    together = _together(users_posts)
    lengths = np.sqrt(np.maximum(np.diag(together), 1e-9))
    together /= lengths[:, None]
    together /= lengths[None, :]
    np.fill_diagonal(together, 0)
    weights: F32 = together
    return weights


def ease(users_posts: sp.csr_matrix, penalty: float = EASE_PENALTY) -> F32:
    """Weights float32[P, P] of the linear autoencoder with an empty diagonal, in closed form.

    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.
    """
    together = _together(users_posts)
    together[np.diag_indices_from(together)] += np.float32(penalty)
    factor, _ = scipy.linalg.lapack.spotrf(together, overwrite_a=True)
    inverse, _ = scipy.linalg.lapack.spotri(factor, overwrite_c=True)
    weights: F32 = np.triu(inverse) + np.triu(inverse, 1).T
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0)
    return weights


def _together(users_posts: sp.csr_matrix) -> Any:
    """In how many users' columns two posts both are, float32[P, P]."""
    return (users_posts.T @ users_posts).toarray().astype(np.float32)
