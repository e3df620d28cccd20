"""Re-ranking: what a slot takes, and what each rule promises of a feed."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from kernels.boosts import FACTORS, boost, nobody
from kernels.columns import HOUR_MS
from kernels.rerank import AUTHOR_CAP, DECAY, DIVERSITY, KIND_RUN, KIND_SHARE, NEW_CREATORS, RULES, rerank
from kernels.rerank_numpy import rerank_numpy, scaled_numpy
from kernels.topk import top_k_numpy
from tests.kernels.bits import assert_same_bits
from tests.kernels.reranking import NO_RULE, limits, plain, posts, rules, viewer_of, viewers


def broken(posts, rules, feed, i, left, size):
    """The rules that post `i` breaks after those of `feed`, as a mask; `left` may still be placed."""
    mask, slot, kinds = 0, len(feed), posts.kinds[feed].tolist()
    kind = int(posts.kinds[i])
    if kind and len(kinds) >= rules.kind_run and set(kinds[slot - rules.kind_run :]) == {kind}:
        mask |= KIND_RUN
    if kind and slot < rules.kind_window:
        allowed = math.ceil(rules.kind_share * min(rules.kind_window, size) - 1e-9)
        mask |= KIND_SHARE * (kinds.count(kind) >= allowed)
    owed = math.floor(rules.new_share * (slot + 1) + 1e-9) - posts.new[feed].sum()
    if owed > 0 and posts.new[left].any() and not posts.new[i]:
        mask |= NEW_CREATORS
    if slot < rules.author_cap_window and posts.authors[feed].tolist().count(posts.authors[i]) >= rules.author_cap:
        mask |= AUTHOR_CAP
    return mask


def slots(posts, boosted, reranked, size):
    """(feed before it, candidates with a score that are left in order of their boosted ones, the one taken) a slot."""
    scored = [i for i in top_k_numpy(boosted, len(boosted)).tolist() if not np.isnan(boosted[i])]
    feed = reranked.order.tolist()
    for slot in range(min(size, len(scored))):
        yield feed[:slot], [i for i in scored if i not in feed[:slot]], feed[slot]


@settings(deadline=None)
@given(posts, viewers, rules, limits)
def test_kernel_equals_its_twin(posts, viewer, rules, limit):
    ours, twin = rerank(posts, viewer, rules, limit), rerank_numpy(posts, viewer, rules, limit)
    for one, other in zip(ours, twin, strict=True):
        assert_same_bits(one, other)


@pytest.mark.parametrize("authors", [3, 30, 300])
def test_kernel_equals_its_twin_along_a_line_that_is_not_looked_at_as_a_whole(authors):
    rng, count = np.random.default_rng(authors), 300
    rules = NO_RULE._replace(author_decay=0.5, author_decay_floor=0.25, diversity=0.2, diversity_window=10)
    rules = rules._replace(author_cap=2, author_cap_window=15, kind_share=0.5, kind_window=20, new_share=0.1)
    for new in (0.0, 0.02, 0.3):
        content = rng.normal(size=(count, 4)).astype(np.float32)
        posts = plain(
            rng.normal(size=count),
            authors=rng.integers(0, authors, count),
            kinds=rng.integers(1, 4, count).astype(np.int16),
            new=rng.random(count) < new,
            content=content / np.linalg.norm(content, axis=1, keepdims=True),
        )
        for one, other in zip(
            rerank(posts, nobody(), rules, 30), rerank_numpy(posts, nobody(), rules, 30), strict=True
        ):
            assert_same_bits(one, other)


@settings(deadline=None)
@given(posts, viewers, rules, limits)
def test_as_many_distinct_candidates_as_asked_and_available(posts, viewer, rules, limit):
    reranked = rerank(posts, viewer, rules, limit)
    assert len(reranked.order) == len(reranked.scores) == min(max(0, limit), len(posts.scores))
    assert len(np.unique(reranked.order)) == len(reranked.order)
    assert set(reranked.order.tolist()) <= set(range(len(posts.scores)))


@settings(deadline=None)
@given(posts, viewers, rules, limits)
def test_nan_comes_last_whatever_the_rules_say(posts, viewer, rules, limit):
    nan = np.isnan(posts.scores[rerank(posts, viewer, rules, limit).order])
    assert (np.sort(nan) == nan).all()


@settings(deadline=None)
@given(posts, viewers, rules, limits)
def test_each_slot_breaks_the_least_important_rules_and_is_worth_most_of_those(posts, viewer, rules, limit):
    """The definition of the greedy selection and of what rules are given up first, slot by slot, and what is told."""
    reranked, (boosted, _) = rerank(posts, viewer, rules, limit), boost(posts, viewer, rules)
    relaxed, places = np.zeros(len(RULES), np.int64), np.zeros((len(boosted), len(RULES)), np.int32)
    for slot, (feed, left, taken) in enumerate(slots(posts, boosted, reranked, len(reranked.order))):
        masks = [broken(posts, rules, feed, i, left, len(reranked.order)) for i in left]
        factors = [factors_in_feed(posts, rules, feed, i) for i in left]
        worth = scaled_numpy(boosted[left], np.array([decay * other for decay, other in factors], np.float32))
        keys = [(mask, -value) for mask, value in zip(masks, worth.tolist(), strict=True)]
        best = keys.index(min(keys))
        assert taken == left[best]
        assert_same_bits(reranked.scores[slot], worth[best])
        assert reranked.factors[taken, DECAY] == factors[best][0]
        assert reranked.factors[taken, DIVERSITY] == factors[best][1]
        relaxed += masks[best] >> np.arange(len(RULES)) & 1
        for j, i in enumerate(left):
            if worth[j] > worth[best] or (worth[j] == worth[best] and j < best):
                rule = masks[j].bit_length() - 1
                places[i, rule] -= 1
                places[taken, rule] += 1
    assert_same_bits(reranked.relaxed, relaxed)
    assert_same_bits(reranked.places, places)


def factors_in_feed(posts, rules, feed, i):
    """What post `i` would be multiplied by after those of `feed`."""
    before = posts.authors[feed].tolist().count(posts.authors[i])
    decay = max(rules.author_decay_floor, math.pow(rules.author_decay, before))
    nearest = np.float32(0)
    if rules.diversity > 0:
        for j in feed[: max(0, rules.diversity_window)]:
            cosine = np.float32(0)
            for e in range(posts.content.shape[1]):
                cosine += posts.content[i, e] * posts.content[j, e]
            nearest = max(nearest, min(cosine, np.float32(1)))
    return np.float32(decay), np.float32(1) - np.float32(rules.diversity) * nearest


@settings(deadline=None)
@given(posts, viewers, rules, limits)
def test_the_author_cap_holds_unless_it_was_relaxed(posts, viewer, rules, limit):
    reranked = rerank(posts, viewer, rules, limit)
    window = reranked.order[: max(0, min(limit, rules.author_cap_window))]
    window = window[~np.isnan(posts.scores[window])]
    held = np.minimum(np.bincount(posts.authors[window], minlength=5), rules.author_cap).sum()
    assert reranked.relaxed[RULES.index("author_cap")] == len(window) - held


@settings(deadline=None)
@given(posts, viewers, rules, limits)
def test_no_content_type_exceeds_its_share_or_its_run_unless_it_was_relaxed(posts, viewer, rules, limit):
    reranked = rerank(posts, viewer, rules, limit)
    feed = reranked.order[~np.isnan(posts.scores[reranked.order])]
    kinds = posts.kinds[feed]
    if reranked.relaxed[RULES.index("kind_share")] == 0:
        window = min(max(0, rules.kind_window), len(reranked.order))
        most = np.bincount(kinds[:window], minlength=4)[1:].max(initial=0)
        assert most <= math.ceil(rules.kind_share * window - 1e-9)
    if reranked.relaxed[RULES.index("kind_run")] == 0:
        for begin in range(len(kinds) - rules.kind_run):
            assert len(set(kinds[begin : begin + rules.kind_run + 1].tolist())) > 1 or kinds[begin] == 0


@settings(deadline=None)
@given(posts, viewers, rules, limits)
def test_new_creators_have_their_share_of_every_beginning_as_long_as_there_are_any(posts, viewer, rules, limit):
    reranked = rerank(posts, viewer, rules, limit)
    new, scored = posts.new[reranked.order], ~np.isnan(posts.scores)
    for slots in range(1, int(scored[reranked.order].sum()) + 1):
        owed = math.floor(rules.new_share * slots + 1e-9)
        there_are = int(posts.new[scored].sum())
        relaxed = reranked.relaxed[RULES.index("new_creators")]
        assert new[:slots].sum() >= min(owed, there_are) - relaxed


@settings(deadline=None)
@given(posts, viewers, limits)
def test_order_of_score_where_no_rule_binds(posts, viewer, limit):
    posts = posts._replace(campaigns=np.ones(len(posts.scores), np.float32))
    reranked = rerank(posts, viewer, NO_RULE, limit)
    assert reranked.order.tolist() == top_k_numpy(posts.scores, limit).tolist()
    assert_same_bits(reranked.scores, posts.scores[reranked.order])
    assert not reranked.relaxed.any()
    assert not reranked.places.any()
    assert (reranked.factors == 1).all()


@settings(deadline=None)
@given(posts, viewers, rules, limits)
def test_passing_and_being_passed_are_told_of_both_sides(posts, viewer, rules, limit):
    reranked = rerank(posts, viewer, rules, limit)
    assert not reranked.places.sum(axis=0).any()
    without = np.setdiff1d(np.arange(len(posts.scores)), reranked.order)
    assert (reranked.places[without] <= 0).all()
    assert (reranked.factors[without][:, [DECAY, DIVERSITY]] == 1).all()
    assert reranked.factors.shape == (len(posts.scores), len(FACTORS))


def test_a_third_post_of_an_author_waits_for_the_end_of_the_window():
    posts = plain([9, 8, 7, 6, 5, 4], authors=[1, 1, 1, 2, 3, 1])
    reranked = rerank(posts, nobody(), NO_RULE._replace(author_cap=2, author_cap_window=4), 6)
    assert reranked.order.tolist() == [0, 1, 3, 4, 2, 5]
    passed = reranked.places[:, RULES.index("author_cap")]
    assert passed.tolist() == [0, 0, -2, 1, 1, 0]


def test_each_further_post_of_an_author_counts_half_and_a_quarter_at_least():
    posts = plain([8, 8, 8, 8, 3], authors=[1, 1, 1, 1, 2])
    reranked = rerank(posts, nobody(), NO_RULE._replace(author_decay=0.5, author_decay_floor=0.25), 5)
    assert reranked.order.tolist() == [0, 1, 4, 2, 3]
    assert reranked.scores.tolist() == [8, 4, 3, 2, 2]
    assert reranked.factors[:, DECAY].tolist() == [1, 0.5, 0.25, 0.25, 1]


def test_what_resembles_the_feed_gives_way_to_what_is_new_in_it():
    content = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)
    posts = plain([10, 9, 8, 1], content=content)
    reranked = rerank(posts, nobody(), NO_RULE._replace(diversity=0.2, diversity_window=10), 4)
    assert reranked.order.tolist() == [0, 2, 1, 3]
    assert reranked.factors[1, DIVERSITY] == pytest.approx(0.8)


def test_pulling_to_refresh_brings_other_authors():
    rules = NO_RULE._replace(served_decay=0.8, served_floor=0.4, served_ms=6 * HOUR_MS)
    posts = plain([1.0, 0.9, 0.85], authors=[1, 2, 3])
    first = rerank(posts, nobody(), rules, 1).order[0]
    second = rerank(posts, viewer_of([], [(posts.authors[first], 1000)]), rules, 1).order[0]
    tomorrow = rerank(posts, viewer_of([], [(posts.authors[first], 24 * HOUR_MS)]), rules, 1).order[0]
    assert (first, second, tomorrow) == (0, 1, 0)


def test_new_creators_come_every_tenth_position_at_the_latest():
    new = np.arange(60) >= 50
    posts = plain(np.linspace(1, 0, 60), new=new)
    reranked = rerank(posts, nobody(), NO_RULE._replace(new_share=0.1), 50)
    assert np.flatnonzero(new[reranked.order]).tolist() == [9, 19, 29, 39, 49]
    assert not reranked.relaxed.any()
    assert reranked.places[50, RULES.index("new_creators")] == 50 - 9


def test_what_cannot_be_met_is_given_up_in_the_declared_order():
    """One author, and videos only: rules must yield, and the counts say how often; nobody is new, so none is owed."""
    posts = plain(np.linspace(1, 0, 6), authors=[1] * 6, kinds=np.ones(6, np.int16))
    rules = NO_RULE._replace(author_cap=2, author_cap_window=4, kind_run=3, kind_share=0.5, kind_window=6)
    reranked = rerank(posts, nobody(), rules._replace(new_share=1.0), 6)
    assert reranked.order.tolist() == list(range(6))
    assert dict(zip(RULES, reranked.relaxed.tolist(), strict=True)) == {
        "kind_run": 3,
        "kind_share": 3,
        "new_creators": 0,
        "author_cap": 2,
    }
