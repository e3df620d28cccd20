import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import CascadeError
from tests.training.evaluation import oracles
from training.evaluation.metrics import auc, auc_by_list, gauc, log_loss, ndcg, precision, recall

#: The oracles try every order of ties, which takes its time on a busy machine.
PATIENT = settings(deadline=None, max_examples=60)

ROW = st.tuples(st.integers(-2, 2), st.integers(0, 1), st.sampled_from([-1.5, 0.0, 0.25, 3.0]))


@st.composite
def tables(draw):
    """Up to five rows a list, so that every order of the ties can be tried."""
    rows = draw(st.lists(ROW, min_size=1, max_size=14))
    rows = [row for i, row in enumerate(rows) if sum(other[0] == row[0] for other in rows[:i]) < 5]
    return tuple(np.array(column) for column in zip(*rows, strict=True))


@PATIENT
@given(tables())
def test_auc_is_the_share_of_pairs_in_order(table):
    _, labels, scores = table
    np.testing.assert_allclose(auc(labels, scores), oracles.auc(labels, scores), equal_nan=True)


@PATIENT
@given(tables())
def test_gauc_weighs_lists_by_their_positives(table):
    np.testing.assert_allclose(gauc(*table), oracles.gauc(*table), equal_nan=True)


@PATIENT
@given(tables(), st.integers(1, 7))
def test_ndcg_is_the_mean_over_all_orders_of_ties(table, k):
    np.testing.assert_allclose(ndcg(*table, k), oracles.ndcg(*table, k))


@PATIENT
@given(tables(), st.integers(1, 7))
def test_precision_is_the_mean_over_all_orders_of_ties(table, k):
    np.testing.assert_allclose(precision(*table, k), oracles.precision(*table, k))


@PATIENT
@given(tables())
def test_pseudo_values_of_lists_have_the_auc_of_all_rows_as_their_mean(table):
    groups, labels, scores = table
    by_list = auc_by_list(groups, labels, scores)
    assert len(by_list.total) == len(set(groups))
    np.testing.assert_allclose(by_list.value, oracles.auc(labels, scores), equal_nan=True)


@PATIENT
@given(tables(), st.integers(1, 7))
def test_recall_is_the_mean_over_all_orders_of_ties(table, k):
    np.testing.assert_allclose(recall(*table, k), oracles.recall(*table, k), equal_nan=True)


@PATIENT
@given(tables(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_the_order_of_the_rows_does_not_matter(table, random, k):
    order = list(range(len(table[0])))
    random.shuffle(order)
    shuffled = [column[order] for column in table]
    assert ndcg(*shuffled, k) == pytest.approx(ndcg(*table, k), abs=1e-12)
    np.testing.assert_allclose(gauc(*shuffled), gauc(*table), equal_nan=True)


@PATIENT
@given(tables(), st.integers(1, 5))
def test_only_the_order_of_scores_within_a_list_matters(table, k):
    """A term that depends on the list alone, which is all a user-only feature can add, changes nothing."""
    groups, labels, scores = table
    moved = np.exp(scores) * 3 + 100.0 * groups
    assert ndcg(groups, labels, moved, k) == ndcg(groups, labels, scores, k)
    np.testing.assert_equal(gauc(groups, labels, moved), gauc(groups, labels, scores))


def test_known_values():
    groups, labels = np.array([1, 1, 1, 1, 2, 2]), np.array([1, 0, 1, 0, 0, 1])
    scores = np.array([0.9, 0.8, 0.7, 0.1, 0.6, 0.5])
    assert auc(labels[:4], scores[:4]) == 0.75
    assert gauc(groups, labels, scores) == pytest.approx((2 * 0.75 + 1 * 0.0) / 3)
    first = (1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3))
    assert ndcg(groups, labels, scores, 5) == pytest.approx((first + 1 / math.log2(3)) / 2)
    assert recall(groups, labels, scores, 1) == pytest.approx((0.5 + 0) / 2)
    assert precision(groups, labels, scores, 3) == pytest.approx((2 + 1) / 3 / 2)
    assert log_loss(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)


def test_a_list_without_positives_counts_for_ndcg_and_not_for_gauc():
    groups, labels, scores = np.array([1, 1, 2]), np.array([1, 0, 0]), np.array([2.0, 1.0, 5.0])
    assert ndcg(groups, labels, scores, 5) == 0.5
    assert gauc(groups, labels, scores) == 1.0
    assert recall(groups, labels, scores, 1) == 1.0


def test_perfect_scores_and_constant_scores():
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(0, 300, 4000), rng.integers(0, 2, 4000)
    assert gauc(groups, labels, labels) == 1.0
    assert gauc(groups, labels, np.zeros(4000)) == 0.5
    drawn = np.mean([ndcg(groups, labels, rng.random(4000), 5) for _ in range(60)])
    assert ndcg(groups, labels, np.zeros(4000), 5) == pytest.approx(drawn, abs=0.005)


def test_metrics_without_a_list_that_counts_are_nan():
    ones = np.ones(3)
    assert math.isnan(auc(ones, ones))
    assert math.isnan(gauc(np.arange(3), ones, ones))
    assert math.isnan(recall(np.arange(3), 0 * ones, ones, 2))
    assert ndcg(np.arange(3), 0 * ones, ones, 2) == 0.0


def test_certainty_in_the_wrong_costs_a_finite_amount():
    assert log_loss(np.array([1]), np.array([0.0])) == pytest.approx(-math.log(1e-7))


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([1, 0], [0.1], "2, 2 and 1 rows"),
        ([], [], "no rows"),
        ([1, 2], [0.1, 0.2], "other than 0 and 1"),
        ([1, 0], [0.1, math.nan], "1 of 2 scores are not finite, the first is nan at row 1"),
    ],
)
def test_what_cannot_be_ranked_is_refused(labels, scores, message):
    with pytest.raises(CascadeError, match=message):
        gauc(np.zeros(len(labels), int), np.array(labels), np.array(scores))
