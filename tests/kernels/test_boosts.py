"""Boosts: what each multiplies a score by, and that nothing else does."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.boosts import CAMPAIGN, CLOSE, FACTORS, FRESH, SERVED, boost, nobody, scaled
from kernels.columns import HOUR_MS
from kernels.rerank_numpy import boost_numpy, scaled_numpy
from tests.kernels.bits import assert_same_bits, floats
from tests.kernels.reranking import NO_RULE, plain, posts, rules, viewer_of, viewers


@settings(deadline=None)
@given(posts, viewers, rules)
def test_kernel_equals_its_twin(posts, viewer, rules):
    for ours, twin in zip(boost(posts, viewer, rules), boost_numpy(posts, viewer, rules), strict=True):
        assert_same_bits(ours, twin)


@settings(deadline=None)
@given(posts, viewers, rules)
def test_every_boost_is_told_and_nothing_else_multiplies(posts, viewer, rules):
    boosted, factors = boost(posts, viewer, rules)
    assert factors.shape == (len(posts.scores), len(FACTORS))
    assert (factors > 0).all()
    assert (factors[:, SERVED + 1 :] == 1).all()
    assert_same_bits(boosted, scaled_numpy(posts.scores, np.multiply.reduce(factors, axis=1)))
    assert (np.isnan(boosted) == np.isnan(posts.scores)).all()


@settings(deadline=None)
@given(posts, viewers, rules)
def test_fresh_posts_and_close_friends_and_campaigns_gain(posts, viewer, rules):
    _, factors = boost(posts, viewer, rules)
    fresh, close = posts.age_ms < rules.fresh_ms, np.isin(posts.authors, viewer.close)
    assert factors[:, FRESH].tolist() == pytest.approx(np.where(fresh, 1 + rules.fresh_boost, 1).tolist())
    assert factors[:, CLOSE].tolist() == pytest.approx(np.where(close, 1 + rules.close_boost, 1).tolist())
    assert_same_bits(factors[:, CAMPAIGN], posts.campaigns)


@settings(deadline=None)
@given(posts, viewers, rules)
def test_whose_posts_were_shown_loses_for_each_of_them_and_less_with_time(posts, viewer, rules):
    _, factors = boost(posts, viewer, rules)
    for author, factor in zip(posts.authors.tolist(), factors[:, SERVED].tolist(), strict=True):
        ages = np.maximum(0, viewer.served_age_ms[viewer.served == author])
        shown = np.exp(-ages / rules.served_ms).sum()
        assert factor == pytest.approx(max(rules.served_floor, rules.served_decay**shown), rel=1e-6)
    later = viewer._replace(served_age_ms=viewer.served_age_ms + HOUR_MS)
    assert (boost(posts, later, rules)[1][:, SERVED] >= factors[:, SERVED]).all()
    again = viewer_of(viewer.close, [*zip(viewer.served, viewer.served_age_ms, strict=True), (0, 0)])
    assert (boost(posts, again, rules)[1][:, SERVED] <= factors[:, SERVED]).all()


@settings(deadline=None)
@given(floats, st.floats(0.125, 4, width=32), st.floats(0.125, 4, width=32))
def test_a_greater_factor_is_never_worse_and_keeps_the_sign(score, one, other):
    score, low, high = np.float32(score), *sorted((np.float32(one), np.float32(other)))
    if math.isnan(score):
        assert math.isnan(scaled(score, low))
        return
    assert scaled(score, low) <= scaled(score, high)
    assert np.sign(scaled(score, high)) in (np.sign(score), 0)
    assert scaled(score, np.float32(1)) == score


def test_a_fresh_post_gains_a_tenth_for_an_hour():
    posts = plain([1.0, -1.0, 1.0, 0.0], age_ms=np.array([HOUR_MS - 1, -5, HOUR_MS, 0]))
    boosted, _ = boost(posts, nobody(), NO_RULE._replace(fresh_ms=HOUR_MS, fresh_boost=0.1))
    assert boosted.tolist() == pytest.approx([1.1, -1 / 1.1, 1.0, 0.0])


def test_columns_of_other_lengths_are_refused():
    posts = plain([1.0, 2.0])
    for name in ("authors", "age_ms", "kinds", "new", "campaigns", "content"):
        short = posts._replace(**{name: getattr(posts, name)[:1]})
        for run in (boost, boost_numpy):
            with pytest.raises(ValueError, match="one length"):
                run(short, nobody(), NO_RULE)
