import math

import numpy as np
import pytest

from cluster.errors import CascadeError
from training.evaluation.bootstrap import Interval, difference, not_worse, resample
from training.evaluation.metrics import ByList, auc, auc_by_list, gauc, gauc_by_list, ndcg, ndcg_by_list
from training.evaluation.ranked import rank

LISTS = 120


@pytest.fixture(scope="module")
def table():
    """Lists of 2 to 9 rows with positive shares of their own; scores that know something."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(LISTS), rng.integers(2, 10, LISTS))
    labels = (rng.random(len(groups)) < rng.random(LISTS)[groups]).astype(float)
    return groups, labels, labels + rng.normal(0, 1.5, len(groups))


def slow_resample(metric, groups, labels, scores, resamples, seed):
    """The rows of drawn lists, put together anew each time and measured from scratch."""
    rng, values = np.random.default_rng(seed), []
    rows = [np.flatnonzero(groups == g) for g in range(LISTS)]
    for _ in range(resamples):
        drawn = rng.integers(0, LISTS, LISTS)
        at = np.concatenate([rows[g] for g in drawn])
        new = np.repeat(np.arange(LISTS), [len(rows[g]) for g in drawn])
        values.append(metric(new, labels[at], scores[at]))
    return values


def test_draws_are_what_the_metrics_are_on_lists_drawn_again(table):
    ranked = rank(*table)
    draws = resample({"gauc": gauc_by_list(ranked), "ndcg": ndcg_by_list(ranked, 5)}, 60, seed=7)
    assert draws["gauc"][0] == gauc(*table)
    assert draws["ndcg"][0] == ndcg(*table, 5)
    np.testing.assert_allclose(draws["gauc"][1:], slow_resample(gauc, *table, 60, 7))
    np.testing.assert_allclose(draws["ndcg"][1:], slow_resample(lambda *rows: ndcg(*rows, 5), *table, 60, 7))


def test_pseudo_values_give_the_spread_of_an_auc_over_all_rows(table):
    draws = resample({"auc": auc_by_list(*table)}, 400, seed=1)["auc"]
    slow = slow_resample(lambda _, labels, scores: auc(labels, scores), *table, 400, 1)
    assert np.std(draws[1:]) == pytest.approx(np.std(slow), rel=0.05)
    assert np.corrcoef(draws[1:], slow)[0, 1] > 0.99


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Means of 80 draws from a known distribution, 300 times."""
    rng, held = np.random.default_rng(3), 0
    for _ in range(300):
        sample = ByList.mean(rng.exponential(1, 80))
        interval = Interval.of(resample({"mean": sample}, 200, seed=1)["mean"])
        held += interval.low <= 1 <= interval.high
    assert 0.88 <= held / 300 <= 0.98


def test_scorers_are_compared_on_the_same_draws(table):
    groups, labels, scores = table
    rng = np.random.default_rng(5)
    others = {
        "same": scores,
        "a little worse": scores + rng.normal(0, 0.7, len(scores)),
        "much worse": rng.normal(size=len(scores)),
    }
    draws = resample({name: gauc_by_list(rank(groups, labels, other)) for name, other in others.items()})
    assert difference(draws["same"], draws["same"]) == (0, 0, 0)
    alone, paired = Interval.of(draws["same"]), difference(draws["same"], draws["a little worse"])
    assert paired.high - paired.low < alone.high - alone.low
    assert not_worse(draws["same"], draws["much worse"])
    assert not not_worse(draws["much worse"], draws["same"])
    worst = difference(draws["much worse"], draws["same"])
    assert not_worse(draws["much worse"], draws["same"], tolerance=-worst.high + 1e-9)


def test_lists_of_one_owner_are_drawn_together():
    by_list = ByList(np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 2.0]))
    by_owner = by_list.grouped(np.array([5, 3, 5]))
    assert by_owner.total.tolist() == [2, 5]
    assert by_owner.weight.tolist() == [1, 3]
    assert by_owner.value == by_list.value


def test_a_metric_that_is_not_defined_has_no_interval_and_proves_nothing():
    nothing = ByList(np.zeros(3), np.zeros(3))
    draws = resample({"nothing": nothing, "something": ByList.mean(np.array([1.0, np.nan, 2.0]))})
    assert all(map(math.isnan, Interval.of(draws["nothing"])))
    assert Interval.of(draws["something"]).value == 1.5
    assert not not_worse(draws["something"], draws["nothing"])
    with pytest.raises(CascadeError, match=r"metrics of \[1, 3\] lists"):
        resample({"a": nothing, "b": ByList.mean(np.ones(1))})
