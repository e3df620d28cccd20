import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.evaluation import oracles
from tests.training.evaluation.test_metrics import PATIENT
from training.evaluation.beyond_accuracy import (
    NONE,
    coverage,
    exposure_gini,
    intra_list_distance,
    intra_list_variety,
    novelty,
)

POSTS, AUTHORS = 9, 4


@st.composite
def feeds(draw):
    """Up to six feeds of up to five distinct posts, filled up with NONE."""
    rows = draw(st.lists(st.permutations(range(POSTS)), min_size=1, max_size=6))
    lengths = [draw(st.integers(0, 5)) for _ in rows]
    return np.array([[*row[:n], *[NONE] * (5 - n)] for row, n in zip(rows, lengths, strict=True)])


SEEDS = st.integers(0, 1000).map(np.random.default_rng)


@PATIENT
@given(feeds(), SEEDS)
def test_each_metric_is_what_its_definition_reads(feeds, rng):
    vectors = rng.normal(size=(POSTS, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[rng.random(POSTS) < 0.2] = 0
    author, impressions = rng.integers(0, AUTHORS, POSTS), rng.integers(0, 50, POSTS)
    catalogue, authors = rng.random(POSTS) < 0.8, rng.random(AUTHORS) < 0.8
    same = np.testing.assert_allclose
    same(coverage(feeds, catalogue), oracles.coverage(feeds, catalogue))
    same(intra_list_distance(feeds, vectors), oracles.intra_list_distance(feeds, vectors), atol=1e-12)
    same(intra_list_variety(feeds, author), oracles.intra_list_variety(feeds, author))
    same(novelty(feeds, impressions), oracles.novelty(feeds, impressions.tolist()))
    same(exposure_gini(feeds, author, authors), oracles.exposure_gini(feeds, author, authors))


def test_extremes():
    same, all_different = np.zeros((1, 2), int), np.array([[0, 1, 2, 3]])
    author = np.arange(4)
    assert coverage(all_different, np.ones(4, bool)) == 1
    assert exposure_gini(all_different, author, np.ones(4, bool)) == 0
    assert exposure_gini(same, author, np.ones(4, bool)) == 0.75  # one of four has all
    assert intra_list_variety(all_different, author).tolist() == [1]
    assert intra_list_variety(all_different, author * 0).tolist() == [0]
    assert intra_list_distance(np.array([[0, 1]]), np.eye(2, dtype=np.float32)).tolist() == [1]
    assert novelty(np.array([[0]]), np.array([7, 7])).tolist() == [1]


def test_nothing_shown_is_no_figure():
    nothing = np.full((2, 3), NONE)
    assert coverage(nothing, np.ones(4, bool)) == 0
    assert math.isnan(coverage(nothing, np.zeros(4, bool)))
    assert math.isnan(exposure_gini(nothing, np.arange(4), np.ones(4, bool)))
    for metric in (intra_list_variety(nothing, np.arange(4)), novelty(nothing, np.ones(4))):
        assert np.isnan(metric).all()
    assert np.isnan(intra_list_distance(np.array([[1, NONE]]), np.eye(2, dtype=np.float32))).all()


@pytest.mark.parametrize("rows", [0, 3])
def test_feeds_may_be_few(rows):
    assert len(novelty(np.full((rows, 2), NONE), np.ones(4))) == rows
