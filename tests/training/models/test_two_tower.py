import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.actions import ACTIONS, BIT
from kernels.columns import CONTENT_DIM
from training.models.two_tower import AGES, DIM, UserTower, age_bucket
from training.models.two_tower_network import Batch, PostInputs, TwoTower

POSTS = 50


def user_tower(seed=0):
    rng = np.random.default_rng(seed)

    def drawn(*shape):
        return rng.normal(size=shape).astype(np.float32)

    return UserTower(drawn(POSTS, DIM), drawn(1 << len(ACTIONS)), np.exp(drawn(AGES)), drawn(DIM))


def history(length, seed=0, unknown=0.0):
    rng = np.random.default_rng(seed)
    posts = np.where(rng.random(length) < unknown, -1, rng.integers(0, POSTS, length)).astype(np.int32)
    actions = rng.integers(0, 1 << len(ACTIONS), length).astype(np.uint16)
    return posts, actions, rng.uniform(-1, 900, length).astype(np.float32)


def slowly(tower, posts, actions, hours):
    """The user's vector as its definition reads."""
    total, mass = np.zeros(DIM), 0.0
    for post, action, hour in zip(posts, actions, hours, strict=True):
        if post >= 0:
            weight = float(tower.action_weights[action]) * float(tower.age_weights[age_bucket(np.array([hour]))[0]])
            total += weight * tower.history_vectors[post]
            mass += abs(weight)
    if mass == 0:
        return np.zeros(DIM)
    vector = total / np.sqrt(mass) + tower.bias
    return vector / np.linalg.norm(vector)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 128), st.integers(0, 1000), st.sampled_from([0.0, 0.3, 1.0]))
def test_a_user_is_the_weighted_history(length, seed, unknown):
    seen = history(length, seed, unknown)
    vector = user_tower().encode(*seen)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, slowly(user_tower(), *seen), atol=2e-5)


def test_nothing_known_is_zeros_and_all_else_is_a_unit_vector():
    tower = user_tower()
    assert not tower.encode(*history(0)).any()
    assert not tower.encode(*history(20, unknown=1.0)).any()
    assert np.linalg.norm(tower.encode(*history(20))) == pytest.approx(1, abs=1e-6)


def test_what_happened_a_second_ago_counts():
    tower, (posts, actions, hours) = user_tower(), history(30)
    before = tower.encode(posts, actions, hours)
    now = tower.encode(np.append(posts, 7).astype(np.int32), np.append(actions, BIT["like"]), np.append(hours, 0.0))
    assert not np.allclose(before, now)


@pytest.mark.parametrize(
    ("hours", "bucket"),
    [(-5, 0), (0, 0), (0.99, 0), (1, 1), (2.9, 1), (3, 2), (510, 8), (511, 9), (10_000, 9), (1e9, 9)],
)
def test_ages_are_powers_of_two(hours, bucket):
    assert age_bucket(np.array([hours], np.float32)).tolist() == [bucket]


def test_a_tower_comes_back_from_its_folder(tmp_path):
    tower = user_tower()
    tower.save(tmp_path / "two_tower")
    loaded = UserTower.load(tmp_path / "two_tower")
    np.testing.assert_array_equal(loaded.encode(*history(40)), tower.encode(*history(40)))


def test_a_full_history_takes_less_than_a_tenth_of_a_millisecond():
    tower, seen = user_tower(), history(128)
    times = []
    for _ in range(500):
        began = time.perf_counter()
        tower.encode(*seen)
        times.append(time.perf_counter() - began)
    assert min(times) < 1e-4


def inputs(posts=POSTS, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(posts, CONTENT_DIM + 4)).astype(np.float32)
    codes = rng.integers(0, 5, (posts, 3))
    codes[0] = 4
    return PostInputs(torch.from_numpy(numbers), torch.from_numpy(codes))


def network(seed=0, id_dropout=0.1):
    torch.manual_seed(seed)
    net = TwoTower(inputs(), id_dropout)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn(weight.shape) * 0.1)
    return net


def batch_of(*histories):
    """A batch of whole histories; posts are all posts."""
    posts, actions, hours = (np.concatenate(column) for column in zip(*histories, strict=True))
    return Batch(
        posts=torch.arange(POSTS),
        log_q=torch.zeros(POSTS),
        history_post=torch.from_numpy(posts.astype(np.int64)),
        history_actions=torch.from_numpy(actions.astype(np.int64)),
        history_age=torch.from_numpy(age_bucket(hours).astype(np.int64)),
        history_user=torch.from_numpy(np.repeat(np.arange(len(histories)), [len(h[0]) for h in histories])),
        target_user=torch.tensor([0, 0, 2]),
        target_post=torch.tensor([3, 9, 11]),
        target_weight=torch.tensor([1.0, 0.5, 2.0]),
        users=len(histories),
    )


def test_serving_computes_what_training_computes(tmp_path):
    net, histories = network(), [history(128, 1), history(0), history(3, 2)]
    net.export(tmp_path, np.ones(POSTS, np.float32))
    tower, vectors = UserTower.load(tmp_path), np.load(tmp_path / "post_vectors.npy")
    with torch.no_grad():
        posts = net.posts(torch.arange(POSTS), torch.ones(POSTS, 1))
        users = net.users(posts, batch_of(*histories)).numpy()
    for trained, seen in zip(users[[0, 2]], (histories[0], histories[2]), strict=True):
        np.testing.assert_allclose(tower.encode(*seen), trained, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors.shape == (POSTS, DIM)
    assert vectors.dtype == np.float32


def test_the_loss_is_the_cross_entropy_of_corrected_logits():
    net, batch = network(id_dropout=0.0), batch_of(history(5, 1), history(4, 2), history(3, 3))
    batch = batch._replace(log_q=torch.linspace(-3, 0, POSTS))
    with torch.no_grad():
        posts = net.posts(batch.posts, torch.ones(POSTS, 1))
        cosines = net.users(posts, batch) @ (posts / posts.norm(dim=1, keepdim=True)).T
        logits = (cosines * net.log_scale.exp() - batch.log_q).double().numpy()
        loss = net(batch).item()
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -(np.log(chances[0, 3]) + 0.5 * np.log(chances[0, 9]) + 2 * np.log(chances[2, 11])) / 3.5
    assert loss == pytest.approx(expected, rel=1e-4)


def test_a_users_own_negative_counts_as_so_many_posts_like_it_to_that_user_alone():
    net, batch = network(id_dropout=0.0), batch_of(history(5, 1), history(4, 2), history(3, 3))
    own = batch._replace(
        negative_user=torch.tensor([0, 0]), negative_post=torch.tensor([7, 8]), negative_weight=torch.tensor([1.0, 3.0])
    )
    with torch.no_grad():
        posts = net.posts(batch.posts, torch.ones(POSTS, 1))
        logits = (net.users(posts, batch) @ (posts / posts.norm(dim=1, keepdim=True)).T * net.log_scale.exp()).double()
        loss = net(own).item()
    odds = logits.exp().numpy()
    totals = odds.sum(axis=1) + np.array([odds[0, 7] + 3 * odds[0, 8], 0, 0])
    chances = odds / totals[:, None]
    expected = -(np.log(chances[0, 3]) + 0.5 * np.log(chances[0, 9]) + 2 * np.log(chances[2, 11])) / 3.5
    assert loss == pytest.approx(expected, rel=1e-4)


def test_a_lesson_is_learned_when_posts_are_told_apart_as_the_teacher_does():
    net, batch = network(id_dropout=0.0), batch_of(history(5, 1), history(4, 2), history(3, 3))
    share = torch.tensor([[0.5, 0.3, 0.2]])
    taught = batch._replace(
        taught_user=torch.tensor([1]), taught_post=torch.tensor([[4, 9, 6]]), taught_share=share, taught_weight=2.0
    )
    with torch.no_grad():
        posts = net.posts(batch.posts, torch.ones(POSTS, 1))
        user = net.users(posts, batch)[1] * net.log_scale.exp()
        learned = torch.softmax((posts / posts.norm(dim=1, keepdim=True))[[4, 9, 6]] @ user, dim=0)
        more = net(taught).item() - net(batch).item()
    assert more == pytest.approx(-2 * (share[0] * learned.log()).sum().item(), rel=1e-3)


def test_a_post_that_was_never_shown_goes_by_its_content(tmp_path):
    alike = inputs()
    alike.numbers[1], alike.codes[1] = alike.numbers[0], alike.codes[0]
    torch.manual_seed(0)
    net = TwoTower(alike, 0.1)
    trained = np.ones(POSTS, np.float32)
    net.export(tmp_path, trained)
    assert not np.allclose(*np.load(tmp_path / "post_vectors.npy")[:2])
    trained[:2] = 0
    net.export(tmp_path, trained)
    np.testing.assert_array_equal(*np.load(tmp_path / "post_vectors.npy")[:2])


def test_an_action_adds_its_own_weight():
    net = network()
    weights = net.action_weights().detach()
    like, share = (net.acted[ACTIONS.index(name)].item() for name in ("like", "share"))
    assert weights[0].item() == pytest.approx(net.idle.item())
    assert weights[BIT["like"] | BIT["share"]].item() == pytest.approx(net.idle.item() + like + share, abs=1e-6)


def test_the_temperature_does_not_collapse():
    net = network()
    with torch.no_grad():
        net.log_scale.fill_(50.0)
    net.limit()
    assert net.log_scale.exp().item() == pytest.approx(100, rel=1e-5)
