"""The two-tower model on a world whose truth is known: users and posts have topics, and people like their own."""

import numpy as np
import pytest
import torch

from kernels.actions import BIT
from kernels.columns import CONTENT_DIM
from training.models.two_tower import UserTower
from training.models.two_tower_network import PostInputs, TwoTower
from training.train.sequence_batches import Sequences
from training.train.sequence_learner import moved, target_shares
from training.train.two_tower_learner import TwoTowerLearner, TwoTowerTraining

USERS, POSTS, TOPICS, LENGTH = 300, 246, 6, 30
NEW = 6  # posts that nobody was shown, one a topic
HOW = TwoTowerTraining(epochs=4, batch=64, negatives=20, least_batch=16)


def topic_of(posts):
    return np.asarray(posts) % TOPICS


def world(seed=0):
    """Four in five impressions are of the user's topic; those are liked."""
    rng = np.random.default_rng(seed)
    topic = np.repeat(np.arange(USERS) % TOPICS, LENGTH)
    shown = np.where(rng.random(USERS * LENGTH) < 0.8, topic, rng.integers(0, TOPICS, USERS * LENGTH))
    post = shown + TOPICS * rng.integers(0, (POSTS - NEW) // TOPICS, USERS * LENGTH)
    return Sequences(
        post=post.astype(np.int32),
        actions=np.where(shown == topic, BIT["long_view"], 0).astype(np.uint16),
        time_ms=np.tile(np.arange(LENGTH) * 3_600_000, USERS),
        offsets=np.arange(USERS + 1) * LENGTH,
        lead=np.zeros(USERS, np.int32),
        user=np.arange(USERS, dtype=np.int32),
    )


def learner(sequences, how=HOW, lessons=None):
    torch.manual_seed(how.seed)
    rng = np.random.default_rng(0)
    numbers = rng.normal(scale=0.2, size=(POSTS, CONTENT_DIM + 4)).astype(np.float32)
    codes = np.stack([np.zeros(POSTS, int), topic_of(np.arange(POSTS)), np.arange(POSTS)], axis=1)
    network = TwoTower(PostInputs(torch.from_numpy(numbers), torch.from_numpy(codes)), how.id_dropout)
    return TwoTowerLearner(network, network, sequences, how, lessons)


@pytest.fixture(scope="module")
def trained():
    told = learner(world())
    losses = [np.mean(list(told.epoch(epoch, 0))) for epoch in range(HOW.epochs)]
    return told, losses


def test_the_loss_falls_and_unseen_users_get_what_they_like(trained):
    told, losses = trained
    assert losses[-1] < losses[0] - 0.3
    unseen = world(seed=1)
    assert told.recall(unseen, 10, 40) > 0.55  # of 40 posts a topic a third are in the history
    assert learner(world()).recall(unseen, 10, 40) < 0.4


def test_a_new_post_is_found_by_its_content(trained, tmp_path):
    told, _ = trained
    shown = (np.arange(POSTS) < POSTS - NEW).astype(np.float32)
    told.network.export(tmp_path, shown)
    tower, vectors = UserTower.load(tmp_path), np.load(tmp_path / "post_vectors.npy")
    for topic in range(TOPICS):
        likes = np.flatnonzero((topic_of(np.arange(POSTS)) == topic) & (shown > 0))[:10].astype(np.int32)
        user = tower.encode(likes, np.full(10, BIT["long_view"], np.uint16), np.linspace(10, 1, 10, dtype=np.float32))
        new = np.arange(POSTS - NEW, POSTS)
        assert topic_of(new[np.argmax(vectors[new] @ user)]) == topic


def test_an_epoch_depends_on_nothing_but_seed_and_place(trained):
    """A run that resumes after two epochs ends bit for bit like one that did not stop."""
    first = learner(world())
    for epoch in range(2):
        list(first.epoch(epoch, 0))
    again = learner(world())
    again.restore(first.state())
    torch.manual_seed(999)
    for epoch in range(2, HOW.epochs):
        list(again.epoch(epoch, 0))
    for name, weight in trained[0].network.state_dict().items():
        assert torch.equal(weight, again.network.state_dict()[name]), name


def test_recall_counts_as_a_loop_does(trained):
    told, _ = trained
    unseen, k, last = world(seed=2), 7, 4
    posts = told.network.posts(torch.arange(POSTS), torch.ones(POSTS, 1)).detach().numpy()
    tower = UserTower(
        posts, told.network.action_weights().detach().numpy(), told.network.ages.exp().detach().numpy(),
        told.network.bias.detach().numpy(),
    )  # fmt: skip
    found = []
    for user in range(USERS):
        mine = slice(user * LENGTH, (user + 1) * LENGTH - last)
        hours = (unseen.time_ms[mine.stop] - unseen.time_ms[mine]) / 3.6e6
        scores = (
            posts
            / np.linalg.norm(posts, axis=1, keepdims=True)
            @ tower.encode(unseen.post[mine], unseen.actions[mine], hours.astype(np.float32))
        )
        scores[unseen.post[mine]] = -np.inf
        best = np.argsort(-scores)[:k]
        later = range(mine.stop, mine.stop + last)
        found += [unseen.post[row] in best for row in later if unseen.actions[row]]
    assert told.recall(unseen, last, k) == pytest.approx(np.mean(found), abs=0.003)


def test_nothing_to_measure_is_nan(trained):
    assert np.isnan(trained[0].recall(world().take(np.zeros(0, np.int64)), 10, 5))


def test_batches_shrink_until_an_epoch_has_enough(trained):
    told, how = world(), TwoTowerTraining(batch=64, steps=50, least_batch=4)
    assert learner(told, how).batch == USERS // 50
    assert learner(told, how).steps == 50
    assert learner(told, TwoTowerTraining(batch=64, steps=50, least_batch=32)).batch == 32
    assert learner(told, TwoTowerTraining(batch=64, steps=2)).batch == 64


def test_shares_are_those_of_the_targets():
    told = world()
    told.actions[told.post == 3] = BIT["hide"]
    shares = target_shares(told, idle_weight=0.0, posts=POSTS)
    liked = told.actions == BIT["long_view"]
    np.testing.assert_allclose(shares, np.bincount(told.post[liked], minlength=POSTS) / liked.sum())
    assert shares[3] == 0
    assert target_shares(told, idle_weight=0.3, posts=POSTS)[3] == 0


def test_the_network_computes_on_whatever_device_it_is_on():
    """Tensors of two devices do not mix, so this fails for any that the network makes elsewhere."""
    told = learner(world())
    batch = moved(told.draw(told.rows[:5], np.random.default_rng(0)), torch.device("meta"))
    assert told.network.to("meta")(batch).device.type == "meta"
