"""Candidates, users and rules of re-ranking, for property tests."""

import numpy as np
from hypothesis import strategies as st

from kernels.boosts import RerankPosts, RerankRules, RerankViewer
from kernels.columns import HOUR_MS
from tests.kernels.bits import floats

WIDTH = 3
#: Every rule without an effect.
NO_RULE = RerankRules(
    fresh_ms=0,
    fresh_boost=0.0,
    close_boost=0.0,
    served_ms=HOUR_MS,
    served_decay=1.0,
    served_floor=1.0,
    author_decay=1.0,
    author_decay_floor=1.0,
    diversity=0.0,
    diversity_window=0,
    author_cap=1,
    author_cap_window=0,
    kind_run=1000,
    kind_share=1.0,
    kind_window=0,
    new_share=0.0,
)

rules = st.builds(
    RerankRules,
    fresh_ms=st.sampled_from([0, HOUR_MS, 24 * HOUR_MS]),
    fresh_boost=st.sampled_from([0.0, 0.1, 2.5]),
    close_boost=st.sampled_from([0.0, 0.2]),
    served_ms=st.sampled_from([1, HOUR_MS, 6 * HOUR_MS]),
    served_decay=st.sampled_from([1.0, 0.8, 0.1]),
    served_floor=st.sampled_from([0.05, 0.4, 1.0]),
    author_decay=st.sampled_from([0.5, 0.7, 1.0]),
    author_decay_floor=st.sampled_from([0.1, 0.25, 1.0]),
    diversity=st.sampled_from([0.0, 0.2, 0.9]),
    diversity_window=st.integers(0, 12),
    author_cap=st.integers(0, 4),
    author_cap_window=st.integers(-1, 30),
    kind_run=st.integers(1, 4),
    kind_share=st.sampled_from([0.2, 0.5, 0.9, 1.0]),
    kind_window=st.integers(0, 12),
    new_share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
limits = st.integers(-1, 50)
_candidate = st.tuples(
    floats | st.sampled_from([0.5, 0.25]),
    st.integers(0, 4),
    st.integers(-HOUR_MS, 48 * HOUR_MS),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from([1.0, 1.0, 1.5]),
    st.integers(0, 5),
)


def posts_of(rows) -> RerankPosts:
    """Columns of rows of `_candidate`; the last entry chooses one of five directions, or none."""
    scores, authors, ages, kinds, new, campaigns, ways = zip(*rows, strict=True) if rows else ((),) * 7
    directions = np.random.default_rng(0).normal(size=(6, WIDTH)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions[0] = 0
    return RerankPosts(
        np.array(scores, np.float32),
        np.array(authors, np.int32),
        np.array(ages, np.int64),
        np.array(kinds, np.int16),
        np.array(new, np.bool_),
        np.array(campaigns, np.float32),
        directions[np.array(ways, np.int64)],
    )


def plain(scores, authors=None, **columns) -> RerankPosts:
    """Old posts of authors of their own, of an unknown type and unlike each other, unless `columns` say otherwise."""
    count = len(scores)
    authors = range(count) if authors is None else authors
    rows = [(0.0, author, 48 * HOUR_MS, 0, False, 1.0, 0) for author in authors]
    return posts_of(rows)._replace(scores=np.array(scores, np.float32), **columns)


def viewer_of(close, served) -> RerankViewer:
    """A user with close friends, who was shown posts of (author, age) pairs."""
    authors, ages = zip(*served, strict=True) if served else ((), ())
    return RerankViewer(np.array(close, np.int32), np.array(authors, np.int32), np.array(ages, np.int64))


posts = st.lists(_candidate, max_size=40).map(posts_of)
viewers = st.builds(
    viewer_of,
    st.lists(st.integers(0, 6), max_size=3, unique=True),
    st.lists(st.tuples(st.integers(-1, 5), st.integers(-HOUR_MS, 24 * HOUR_MS)), max_size=8),
)
