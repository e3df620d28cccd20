import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import CascadeError
from kernels.actions import ACTIONS, BIT
from training.models.post_tower import unit
from training.models.session import GAPS, SessionEncoder, SessionShape, gap_bucket
from training.models.session_network import SessionBatch, SessionNetwork, Windows, _bucket
from training.models.two_tower import DIM

POSTS, SHAPE = 50, SessionShape(length=12, width=16, heads=2, blocks=2)


def network(seed=0, shape=SHAPE):
    torch.manual_seed(seed)
    vectors = np.random.default_rng(seed).normal(size=(POSTS, DIM)).astype(np.float32)
    net = SessionNetwork(shape, torch.from_numpy(vectors), torch.from_numpy(unit(vectors)), dropout=0.1)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn(weight.shape) * 0.1)
    return net.eval()


def history(length, seed=0):
    """Posts, actions and hours ago, in steps that float32 holds exactly."""
    rng = np.random.default_rng(seed)
    posts = rng.integers(0, POSTS, length)
    actions = rng.integers(0, 1 << len(ACTIONS), length).astype(np.uint16)
    hours = np.sort(rng.integers(0, 16 * 600, length))[::-1] / 16
    return posts, actions, hours.astype(np.float32)


def windows(histories):
    """The whole histories as windows that are asked at their ends."""
    length = max(len(posts) for posts, _, _ in histories)

    def padded(column, kind):
        return torch.from_numpy(np.stack([np.pad(c, (0, length - len(c)), mode="edge") for c in column]).astype(kind))

    posts, actions, hours = zip(*histories, strict=True)
    ends = np.array([len(p) for p in posts]) - 1
    return Windows(
        post=padded(posts, np.int64),
        actions=padded(actions, np.int64),
        seconds=padded([(h[0] - h) * 3600 for h in hours], np.float32),
        query=torch.from_numpy(np.arange(len(posts)) * length + ends),
        wait=torch.from_numpy(gap_bucket(np.array([h[-1] for h in hours]) * np.float32(3600))),
    )


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, SHAPE.length), min_size=1, max_size=4), st.integers(0, 1000))
def test_serving_computes_what_training_computes(lengths, seed):
    net, histories = network(seed), [history(length, seed + i) for i, length in enumerate(lengths)]
    with torch.no_grad():
        trained = net.queries(windows(histories)).numpy()
    for vector, seen in zip(trained, histories, strict=True):
        encoded = net.encoder().encode(*seen)
        assert encoded.dtype == np.float32
        np.testing.assert_allclose(encoded, vector, atol=1e-5)


def test_only_the_last_known_impressions_count():
    encoder, (posts, actions, hours) = network().encoder(), history(40)
    last = slice(-SHAPE.length, None)
    np.testing.assert_array_equal(
        encoder.encode(posts, actions, hours), encoder.encode(posts[last], actions[last], hours[last])
    )
    unknown = posts.copy()
    unknown[::3] = -1
    known = unknown >= 0
    np.testing.assert_array_equal(
        encoder.encode(unknown, actions, hours), encoder.encode(posts[known], actions[known], hours[known])
    )


def test_nothing_known_is_zeros_and_all_else_is_a_unit_vector():
    encoder, (posts, actions, hours) = network().encoder(), history(5)
    assert not encoder.encode(*history(0)).any()
    assert not encoder.encode(np.full(5, -1), actions, hours).any()
    assert np.linalg.norm(encoder.encode(posts, actions, hours)) == pytest.approx(1, abs=1e-6)


def test_order_actions_and_times_all_count():
    encoder, (posts, actions, hours) = network().encoder(), history(8)
    before = encoder.encode(posts, actions, hours)
    assert not np.allclose(before, encoder.encode(posts[::-1], actions, hours), atol=1e-3)
    assert not np.allclose(before, encoder.encode(posts, actions ^ np.uint16(BIT["like"]), hours), atol=1e-3)
    assert not np.allclose(before, encoder.encode(posts, actions, hours + 100), atol=1e-3)
    assert not np.allclose(before, encoder.encode(posts, actions, hours / 64), atol=1e-3)


def test_what_comes_later_changes_nothing():
    net, seen = network(), history(9)
    whole = windows([seen])
    changed = whole._replace(post=whole.post.clone())
    changed.post[0, 5:] = (changed.post[0, 5:] + 1) % POSTS
    early, late = torch.tensor([4]), torch.tensor([5])
    with torch.no_grad():
        for query, same in ((early, True), (late, False)):
            asked = [net.queries(w._replace(query=query)).numpy() for w in (whole, changed)]
            assert np.allclose(*asked, atol=1e-6) == same


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(-5, 0), (0, 0), (0.99, 0), (1, 1), (2.99, 1), (3, 2), (2**20 - 1, 20), (1e9, GAPS - 1)]
)
def test_gaps_are_powers_of_two_in_serving_and_in_training(seconds, bucket):
    assert gap_bucket(np.array([seconds], np.float32)).tolist() == [bucket]
    assert _bucket(torch.tensor([seconds], dtype=torch.float32)).tolist() == [bucket]


def test_an_encoder_comes_back_from_its_folder_without_a_copy(tmp_path):
    net, seen = network(), history(12)
    net.export(tmp_path / "session")
    encoder = net.encoder()
    loaded = SessionEncoder.load(tmp_path / "session", encoder.history_vectors)
    np.testing.assert_array_equal(loaded.encode(*seen), encoder.encode(*seen))
    assert all(isinstance(weight.base, np.memmap) for weight in loaded.weights.values())


def test_a_folder_without_an_encoder_is_named(tmp_path):
    with pytest.raises(CascadeError, match=f"{tmp_path} holds no session encoder"):
        SessionEncoder.load(tmp_path, np.zeros((POSTS, DIM), np.float32))


def test_the_loss_is_the_cross_entropy_of_corrected_logits():
    net, asked = network(), windows([history(6, 1), history(4, 2)])
    log_q = torch.linspace(-3, 0, POSTS)
    targets = torch.tensor([0, 0, 1]), torch.tensor([3, 9, 11]), torch.tensor([1.0, 0.5, 2.0])
    with torch.no_grad():
        logits = net.queries(asked) @ net.post_vectors.T * net.log_scale.exp() - log_q
        loss = net(SessionBatch(asked, torch.arange(POSTS), log_q, *targets)).item()
    chances = torch.softmax(logits.double(), dim=1).numpy()
    expected = -(np.log(chances[0, 3]) + 0.5 * np.log(chances[0, 9]) + 2 * np.log(chances[1, 11])) / 3.5
    assert loss == pytest.approx(expected, rel=1e-4)


def test_posts_keep_the_vectors_they_have():
    assert not {"history_vectors", "post_vectors"} & {name for name, _ in network().named_parameters()}
