import numpy as np
import pytest
import scipy.sparse as sp

from training.evaluation.baselines import cosine, ease


@pytest.fixture(scope="module")
def shown():
    return sp.csr_matrix((np.random.default_rng(0).random((80, 15)) < 0.3).astype(np.float32))


def test_cosine_compares_the_users_of_two_posts(shown):
    weights, columns = cosine(shown), shown.toarray()
    for i in range(15):
        for j in range(15):
            together = columns[:, i] @ columns[:, j] / np.sqrt(columns[:, i].sum() * columns[:, j].sum())
            assert weights[i, j] == pytest.approx(0 if i == j else together, abs=1e-6)


def test_a_post_that_nobody_saw_is_like_no_other():
    weights = cosine(sp.csr_matrix(np.eye(3, dtype=np.float32)[:2]))
    assert np.isfinite(weights).all()
    assert not weights.any()


def test_ease_is_the_best_autoencoder_with_an_empty_diagonal(shown):
    """For each post, ridge regression on all other posts."""
    weights, columns, penalty = ease(shown, penalty=5.0), shown.toarray().astype(np.float64), 5.0
    assert not np.diag(weights).any()
    for post in range(15):
        others = np.arange(15) != post
        x = columns[:, others]
        best = np.linalg.solve(x.T @ x + penalty * np.eye(14), x.T @ columns[:, post])
        np.testing.assert_allclose(weights[others, post], best, atol=1e-5)
