import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.features import NAMES
from kernels.logits import Calibration, Wide, finish_logits, match_embeddings
from training.models.ranker import WATCH, WATCH_LIMIT_S, to_predictions
from training.models.wide import DURATIONS_S, READ, wide_codes, wide_columns, wide_sizes

REQUESTS, USERS, POSTS = 3, 5, 9


def floats(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def contexts(rng, candidates):
    """Feature rows with whatever the wide part reads, also what training did not see."""
    x = np.zeros((candidates, len(NAMES)), np.float32)
    x[:, READ[:3]] = rng.integers(-1, 6, (candidates, 3))
    x[:, READ[3]] = rng.choice([0, *DURATIONS_S, 6.5, 1000], candidates)
    return x


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 20), st.integers(1, 5), st.sampled_from([1, 2, 8]), st.booleans())
def test_predictions_are_what_numpy_makes_of_the_same_logits(seed, candidates, heads, matches, watch):
    rng = np.random.default_rng(seed)
    x, seen = contexts(rng, candidates), contexts(rng, 4)
    sizes = tuple(max(size, 1) for size in wide_sizes(wide_columns(seen)))
    users, request = rng.integers(0, USERS, REQUESTS), rng.integers(0, REQUESTS, candidates)
    posts, of_posts, of_users = rng.integers(0, POSTS, candidates), floats(rng, POSTS, 16), floats(rng, REQUESTS, 16)
    tables = floats(rng, USERS, heads), floats(rng, POSTS, heads), floats(rng, 1 + sum(sizes), heads)
    wide = Wide(*tables, np.array(sizes), np.array(READ), np.array(DURATIONS_S, np.float64))
    names = (*(f"head {h}" for h in range(heads - 1)), WATCH if watch else "last")
    scale, shift = floats(rng, heads) * 20, floats(rng, heads)
    most = np.log1p(np.array([WATCH_LIMIT_S], np.float32))
    calibration = Calibration(scale, shift, np.array([heads - 1] if watch else [], np.int64), most)
    match_heads, logits = floats(rng, matches, heads), floats(rng, candidates, heads)

    inputs = np.full((candidates, 2 + matches), 7, np.float32)
    match_embeddings(of_posts, posts, of_users, request, inputs, 2)
    match = (of_posts[posts] * of_users[request]).reshape(candidates, matches, 16 // matches).sum(2)
    np.testing.assert_allclose(inputs[:, 2:], match, rtol=1e-4, atol=1e-5)
    assert (inputs[:, :2] == 7).all()

    of_codes = tables[2][wide_codes(wide_columns(x), sizes)].sum(1)
    summed = logits + match @ match_heads + tables[0][users[request]] + tables[1][posts] + of_codes
    expected = to_predictions(summed * scale + shift, names)
    finish_logits(logits, inputs, 2, match_heads, wide, users, request, posts, x, calibration)
    np.testing.assert_allclose(logits, expected, rtol=2e-3, atol=1e-5)
