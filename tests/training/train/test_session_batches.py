from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.actions import BIT
from tests.training.train.test_sequence_batches import POSTS, sampling, sequences
from training.models.session import gap_bucket
from training.train.sequence_batches import Sampling
from training.train.session_batches import draw_windows


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(2, 120), st.integers(0, 3)), min_size=1, max_size=5), st.integers(0, 10_000))
def test_windows_come_before_their_queries_targets(shapes, seed):
    lengths, leads = zip(*((length, min(lead, length - 1)) for length, lead in shapes), strict=True)
    rows = sum(lengths)
    told = replace(sequences(lengths, leads, seed), post=np.arange(rows, dtype=np.int32))  # a post is its row
    how, rng = Sampling(5, 0.25, 3, np.full(rows, 1 / rows)), np.random.default_rng(seed)
    batch = draw_windows(told, np.arange(len(lengths)), 20, 3, how, rng)
    posts, seconds = batch.windows.post.numpy(), batch.windows.seconds.numpy()
    candidates = batch.candidates.numpy()
    assert posts.shape[1] <= 20
    assert (np.diff(candidates) > 0).all()
    assert np.isfinite(batch.log_q.numpy()).all()
    for q, place in enumerate(batch.windows.query.tolist()):
        s, at = divmod(place, posts.shape[1])
        assert s == q // 3
        row, start = posts[s, at], posts[s, 0]
        assert posts[s, : at + 1].tolist() == list(range(start, row + 1))
        times = (told.time_ms[start : row + 1] - told.time_ms[start]) / 1000
        np.testing.assert_allclose(seconds[s, : at + 1], times, rtol=1e-6)
        assert told.offsets[s] <= start
        assert row + 1 >= told.offsets[s] + max(leads[s], 1)
        wait = np.array([(told.time_ms[row + 1] - told.time_ms[row]) / 1000], np.float32)
        assert batch.windows.wait[q] == gap_bucket(wait)[0]
        later = np.arange(row + 1, min(row + 6, told.offsets[s + 1]))
        later = later[told.actions[later] != BIT["hide"]]
        mine = batch.target_query.numpy() == q
        assert candidates[batch.target_post.numpy()[mine]].tolist() == later.tolist()
        liked = np.isin(told.actions[later], [BIT["like"], BIT["long_view"]])
        assert batch.target_weight.numpy()[mine].tolist() == np.where(liked, 1.0, 0.25).tolist()


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
