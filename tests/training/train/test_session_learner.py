"""The session encoder on a world where only the order tells what comes next."""

import numpy as np
import pytest
import torch

from kernels.actions import BIT
from training.models.post_tower import unit
from training.models.session import SessionShape
from training.models.session_network import SessionNetwork
from training.models.two_tower import DIM
from training.train.sasrec import Sasrec, SasrecLearner, as_sasrec
from training.train.sequence_batches import Sequences
from training.train.sequence_learner import moved
from training.train.session_learner import SessionLearner, SessionTraining

USERS, POSTS, TOPICS, LENGTH = 200, 120, 6, 24
HOW = SessionTraining(
    shape=SessionShape(length=16, width=32), epochs=10, batch=25, learning_rate=0.01, warmup_steps=5, horizon=1,
    negatives=40, dropout=0.0,
)  # fmt: skip


def world(seed=0):
    """Topics are shown one after the other; a like skips one of them."""
    rng = np.random.default_rng(seed)
    liked = rng.random((USERS, LENGTH)) < 0.5
    steps = np.concatenate([rng.integers(0, TOPICS, (USERS, 1)), 1 + liked[:, :-1]], axis=1)
    topic = steps.cumsum(axis=1) % TOPICS
    post = topic + TOPICS * rng.integers(0, POSTS // TOPICS, topic.shape)
    return Sequences(
        post=post.reshape(-1).astype(np.int32),
        actions=np.where(liked, BIT["like"], 0).reshape(-1).astype(np.uint16),
        time_ms=np.tile(np.arange(LENGTH) * 60_000, USERS),
        offsets=np.arange(USERS + 1) * LENGTH,
        lead=np.zeros(USERS, np.int32),
        user=np.arange(USERS, dtype=np.int32),
    )


def vectors():
    """Posts of a topic are near each other."""
    rng = np.random.default_rng(0)
    posts = rng.normal(size=(TOPICS, DIM))[np.arange(POSTS) % TOPICS] + 0.3 * rng.normal(size=(POSTS, DIM))
    return torch.from_numpy(posts.astype(np.float32))


def learner(sequences):
    torch.manual_seed(HOW.seed)
    network = SessionNetwork(HOW.shape, vectors(), torch.from_numpy(unit(vectors().numpy())), HOW.dropout)
    return SessionLearner(network, network, sequences, HOW)


@pytest.fixture(scope="module")
def trained():
    told = learner(world())
    losses = [np.mean(list(told.epoch(epoch, 0))) for epoch in range(HOW.epochs)]
    return told, losses


def test_it_learns_what_follows_what_in_people_it_has_never_seen(trained):
    told, losses = trained
    assert losses[-1] < losses[0] - 0.5
    unseen = world(seed=1)
    assert told.recall(unseen, 1, POSTS // TOPICS) > 0.8  # of all topics, the one that is next
    assert learner(world()).recall(unseen, 1, POSTS // TOPICS) < 0.5


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


def test_sasrec_learns_the_order_but_not_what_an_action_says():
    how = as_sasrec(HOW)
    assert (how.negatives, how.shape, how.horizon) == (HOW.negatives, HOW.shape, 1)
    torch.manual_seed(how.seed)
    told = SasrecLearner(Sasrec(POSTS, how.shape, how.dropout), world(), how)
    for epoch in range(how.epochs):
        list(told.epoch(epoch, 0))
    unseen = world(seed=1)
    assert told.recall(unseen, 1, 2 * POSTS // TOPICS) > 0.8  # both topics that may be next
    assert told.recall(unseen, 1, POSTS // TOPICS) < 0.75


def test_a_saved_sasrec_encodes_as_it_did(tmp_path):
    model = Sasrec(POSTS, HOW.shape, 0.0).eval()
    model.save(tmp_path)
    loaded, posts = Sasrec.load(tmp_path), np.arange(30)
    hours, actions = np.zeros(30, np.float32), np.zeros(30, np.uint16)
    vector = model.encode(posts, actions, hours)
    np.testing.assert_array_equal(loaded.encode(posts, actions, hours), vector)
    np.testing.assert_array_equal(loaded.encode(posts[-16:], actions, hours), vector)
    assert not loaded.encode(posts[:0], actions[:0], hours[:0]).any()
    np.testing.assert_array_equal(loaded.posts, model.posts)


def test_the_network_computes_on_whatever_device_it_is_on():
    """Tensors of two devices do not mix, so this fails for any that the network makes elsewhere."""
    told = learner(world())
    batch = moved(told.draw(told.rows[:5], np.random.default_rng(0)), torch.device("meta"))
    assert told.network.to("meta")(batch).device.type == "meta"
