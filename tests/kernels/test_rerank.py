import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.rerank import (
    RerankRules,
    boost_fresh,
    boost_fresh_numpy,
    cap_authors,
    cap_authors_numpy,
    rerank,
    rerank_numpy,
)
from kernels.topk import top_k_numpy
from tests.kernels.bits import assert_same_bits, floats

HOUR = 3_600_000
OLD = RerankRules(fresh_ms=0, fresh_boost=0.1, author_cap=2, author_cap_window=20)
NO_RULE = RerankRules(fresh_ms=0, fresh_boost=0.0, author_cap=1, author_cap_window=0)

rules = st.builds(
    RerankRules,
    fresh_ms=st.sampled_from([0, HOUR, 24 * HOUR]),
    fresh_boost=st.sampled_from([0.0, 0.1, 2.5]),
    author_cap=st.integers(0, 4),
    author_cap_window=st.integers(-1, 30),
)
candidates = st.lists(
    st.tuples(floats | st.sampled_from([0.5, 0.25]), st.integers(0, 4), st.integers(-HOUR, 48 * HOUR)), max_size=40
)
limits = st.integers(-1, 50)


def columns(rows):
    scores, authors, ages = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(scores, np.float32), np.array(authors, np.int32), np.array(ages, np.int64)


def capped(authors, cap, window):
    """`cap_authors` of candidates that are in order already."""
    order, relaxed = cap_authors(np.arange(len(authors)), np.array(authors, np.int32), cap, window)
    return order.tolist(), relaxed


@settings(deadline=None)
@given(candidates, rules, limits)
def test_kernel_equals_its_twin(rows, rules, limit):
    for ours, twin in zip(
        rerank(*columns(rows), rules, limit), rerank_numpy(*columns(rows), rules, limit), strict=True
    ):
        assert_same_bits(ours, twin)


@settings(deadline=None)
@given(candidates, rules, limits)
def test_as_many_distinct_candidates_as_asked_and_available(rows, rules, limit):
    reranked = rerank(*columns(rows), rules, limit)
    assert len(reranked.order) == len(reranked.scores) == min(max(0, limit), len(rows))
    assert len(np.unique(reranked.order)) == len(reranked.order)
    assert set(reranked.order.tolist()) <= set(range(len(rows)))


@settings(deadline=None)
@given(candidates, rules, limits)
def test_final_scores_are_the_boosted_ones(rows, rules, limit):
    scores, authors, ages = columns(rows)
    reranked = rerank(scores, authors, ages, rules, limit)
    boosted = boost_fresh(scores, ages, rules.fresh_ms, rules.fresh_boost)
    assert_same_bits(reranked.scores, boosted[reranked.order])


@settings(deadline=None)
@given(candidates, rules, limits)
def test_each_slot_takes_the_best_post_whose_author_is_below_the_cap(rows, rules, limit):
    """The definition of the greedy selection, slot by slot."""
    scores, authors, ages = columns(rows)
    reranked = rerank(scores, authors, ages, rules, limit)
    boosted = boost_fresh(scores, ages, rules.fresh_ms, rules.fresh_boost)
    left, feed, relaxed = top_k_numpy(boosted, len(boosted)).tolist(), [], 0
    while left and len(feed) < limit:
        scored = [i for i in left if not np.isnan(boosted[i])]
        slot = left[0]
        if len(feed) < rules.author_cap_window and scored:
            taken = [authors[i] for i in feed]
            allowed = [i for i in scored if taken.count(authors[i]) < rules.author_cap]
            slot = (allowed or scored)[0]
            relaxed += not allowed
        left.remove(slot)
        feed.append(slot)
    assert (reranked.order.tolist(), reranked.relaxed) == (feed, relaxed)


@settings(deadline=None)
@given(candidates, rules, limits)
def test_the_cap_holds_unless_it_was_relaxed(rows, rules, limit):
    scores, authors, ages = columns(rows)
    reranked = rerank(scores, authors, ages, rules, limit)
    window = reranked.order[: max(0, min(limit, rules.author_cap_window))]
    window = window[~np.isnan(scores[window])]
    held = np.minimum(np.bincount(authors[window], minlength=5), rules.author_cap).sum()
    assert reranked.relaxed == len(window) - held


@settings(deadline=None)
@given(candidates, limits)
def test_order_of_score_where_no_rule_binds(rows, limit):
    scores, authors, ages = columns(rows)
    reranked = rerank(scores, authors, ages, NO_RULE, limit)
    assert reranked.order.tolist() == top_k_numpy(scores, limit).tolist()
    assert reranked.relaxed == 0


@settings(deadline=None)
@given(candidates, st.integers(0, 24 * HOUR), st.sampled_from([0.0, 0.1, 2.5, np.inf]))
def test_the_boost_only_raises(rows, fresh_ms, boost):
    scores, _, ages = columns(rows)
    boosted = boost_fresh(scores, ages, fresh_ms, boost)
    assert_same_bits(boosted, boost_fresh_numpy(scores, ages, fresh_ms, boost))
    known = ~np.isnan(scores)
    assert (boosted[known] >= scores[known]).all()
    assert np.isnan(boosted[~known]).all()
    assert_same_bits(boosted[ages >= fresh_ms], scores[ages >= fresh_ms])


def test_a_fresh_post_gains_a_tenth_of_its_absolute_score():
    scores = np.array([1.0, -1.0, 1.0, 0.0], np.float32)
    ages = np.array([HOUR - 1, HOUR - 1, HOUR, 0])
    assert boost_fresh(scores, ages, HOUR, 0.1).tolist() == pytest.approx([1.1, -0.9, 1.0, 0.0])


def test_a_post_from_the_future_is_fresh():
    assert boost_fresh(np.ones(1, np.float32), np.array([-5]), HOUR, 0.5).tolist() == [1.5]


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=40), st.integers(-1, 4), st.integers(-1, 45))
def test_author_cap_equals_its_twin(authors, cap, window):
    authors = np.array(authors, np.int32)
    order = np.random.default_rng(0).permutation(len(authors))
    (ours, ours_relaxed), (twin, twin_relaxed) = (
        apply(order, authors, cap, window) for apply in (cap_authors, cap_authors_numpy)
    )
    assert_same_bits(ours, twin)
    assert ours_relaxed == twin_relaxed


def test_a_third_post_of_an_author_waits_for_the_end_of_the_window():
    assert capped([7, 7, 7, 1, 2, 3], cap=2, window=4) == ([0, 1, 3, 4, 2, 5], 0)


def test_capped_posts_fill_the_slots_that_nobody_else_can():
    assert capped([7, 7, 7, 1, 7], cap=2, window=5) == ([0, 1, 3, 2, 4], 2)


def test_rerank_does_not_show_nan_before_a_capped_author():
    scores = np.array([np.nan, 3, 2, 1], np.float32)
    reranked = rerank(scores, np.array([1, 7, 7, 7], np.int32), np.full(4, HOUR), OLD, 4)
    assert reranked.order.tolist() == [1, 2, 3, 0]
    assert reranked.relaxed == 1


@pytest.mark.parametrize("order", [rerank, rerank_numpy])
def test_columns_of_unequal_length_are_refused(order):
    with pytest.raises(ValueError, match="one length"):
        order(np.zeros(3, np.float32), np.zeros(2, np.int32), np.zeros(3, np.int64), OLD, 3)
