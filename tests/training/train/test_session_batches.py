import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.actions import BIT
from tests.training.train.test_sequence_batches import POSTS, sampling, sequences
from training.models.session import gap_bucket
from training.train.session_batches import draw_windows


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(2, 120), st.integers(0, 3)), min_size=1, max_size=5), st.integers(0, 10_000))
def test_windows_come_before_their_queries_targets(shapes, seed):
    lengths, leads = zip(*((length, min(lead, length - 1)) for length, lead in shapes), strict=True)
    told, length, queries = sequences(lengths, leads, seed), 20, 3
    batch = draw_windows(told, np.arange(len(lengths)), length, queries, sampling(), np.random.default_rng(seed))
    posts, places = batch.windows.post.numpy(), batch.windows.query.numpy()
    candidates = batch.candidates.numpy()
    assert posts.shape[1] <= length
    assert (np.diff(candidates) > 0).all()
    assert np.isfinite(batch.log_q.numpy()).all()
    for q, place in enumerate(places):
        s, at = q // queries, place % posts.shape[1]
        assert place // posts.shape[1] == s
        row = _row_of(told, s, posts[s, : at + 1], batch.windows.seconds.numpy()[s, : at + 1])
        first = told.offsets[s] + max(leads[s], 1)
        assert row + 1 >= first
        wait = np.array([(told.time_ms[row + 1] - told.time_ms[row]) / 1000], np.float32)
        assert batch.windows.wait[q] == gap_bucket(wait)[0]
        later = np.arange(row + 1, min(row + 6, told.offsets[s + 1]))
        later = later[told.actions[later] != BIT["hide"]]
        mine = batch.target_query.numpy() == q
        assert candidates[batch.target_post.numpy()[mine]].tolist() == told.post[later].tolist()
        liked = np.isin(told.actions[later], [BIT["like"], BIT["long_view"]])
        assert batch.target_weight.numpy()[mine].tolist() == np.where(liked, 1.0, 0.25).tolist()


def _row_of(told, s, posts, seconds):
    """The row of sequence `s` at which the window ends that shows `posts` at `seconds`."""
    found = []
    for row in range(told.offsets[s] + len(posts) - 1, told.offsets[s + 1] - 1):
        mine = slice(row + 1 - len(posts), row + 1)
        times = (told.time_ms[mine] - told.time_ms[mine.start]) / 1000
        if (told.post[mine] == posts).all() and np.allclose(times, seconds, rtol=1e-5):
            found.append(row)
    assert len(found) == 1
    return found[0]


def test_a_short_sequence_is_seen_whole():
    told = sequences([7, 5], [0, 0])
    batch = draw_windows(told, np.arange(2), 20, 40, sampling(), np.random.default_rng(0))
    assert batch.windows.post.shape == (2, 6)
    assert np.unique(batch.windows.query.numpy()).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert batch.windows.post[1, :4].tolist() == told.post[7:11].tolist()


def test_uniform_negatives_are_candidates_too():
    told = sequences([9], [0])
    batch = draw_windows(told, np.array([0]), 20, 2, sampling(negatives=1000), np.random.default_rng(0))
    assert batch.candidates.tolist() == list(range(POSTS))
