from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp

from training.train.mf import MfTraining, factorise, loss_of

HOW = MfTraining(dim=4, sweeps=6)


@pytest.fixture(scope="module")
def seen():
    """Two groups of people, each shown its own half of the posts; weights 1 and 0.3."""
    rng = np.random.default_rng(0)
    group, half = np.arange(40)[:, None] % 2, np.arange(20)[None, :] % 2
    shown = rng.random((40, 20)) < np.where(group == half, 0.5, 0.02)
    return sp.csr_matrix(shown * rng.choice([0.3, 1.0], shown.shape).astype(np.float32))


def test_people_are_near_what_their_like_were_shown(seen):
    told = []
    users, posts, _ = factorise(seen, HOW, lambda *done: told.append(done))
    assert told == [(sweep + 1, 6) for sweep in range(6)]
    scores = users @ posts.T
    new = seen.toarray() == 0
    same = np.arange(40)[:, None] % 2 == np.arange(20)[None, :] % 2
    assert scores[new & same].mean() > scores[new & ~same].mean() + 0.1


def test_each_sweep_makes_the_loss_smaller(seen):
    *_, losses = factorise(seen, HOW, lambda *done: None)
    assert (np.diff(losses) < 1e-4).all()


def test_a_sweep_ends_where_the_loss_is_flat_in_the_posts(seen):
    """The last half of a sweep solves for the posts: no step from there makes the loss smaller."""
    users, posts, losses = factorise(seen, replace(HOW, sweeps=1), lambda *done: None)

    def loss(flat):
        return loss_of(seen, users.astype(np.float64), flat.reshape(posts.shape), HOW)

    assert loss(posts.astype(np.float64).reshape(-1)) == pytest.approx(losses[0], rel=1e-5)
    slope = scipy.optimize.approx_fprime(posts.astype(np.float64).reshape(-1), loss)
    np.testing.assert_allclose(slope, 0, atol=1e-3)


def test_the_loss_is_that_of_all_pairs(seen):
    rng = np.random.default_rng(1)
    users, posts = rng.normal(size=(40, 4)), rng.normal(size=(20, 4))
    weights, scores = seen.toarray(), users @ posts.T
    expected = (weights * (1 - scores) ** 2).sum() + HOW.unobserved * (scores**2).sum()
    for vectors, counts, others in ((users, (weights > 0).sum(1), 20), (posts, (weights > 0).sum(0), 40)):
        expected += (HOW.penalty * (counts + HOW.unobserved * others) * (vectors**2).sum(1)).sum()
    assert loss_of(seen, users, posts, HOW) == pytest.approx(expected)


def test_who_was_shown_nothing_has_no_taste(seen):
    nobody = sp.vstack([seen, sp.csr_matrix((1, 20), dtype=np.float32)]).tocsr()
    users, *_ = factorise(nobody, HOW, lambda *done: None)
    assert not users[-1].any()
