"""Counterfactual estimates of orders against the truth of a synthetic world."""

from dataclasses import replace

import numpy as np
import pytest

from cluster.errors import CascadeError
from kernels.actions import BIT
from training.data.dataset import DataSet
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise
from training.evaluation.counterfactual import ShownLists, earned, examined, expected, shown_lists
from training.evaluation.oracle import RELEVANCE, oracles
from training.features.log import Log

ACTIONS = ("like", "long_view")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return synthesise(Parameters(users=800, posts=600, days=4, seed=7), tmp_path_factory.mktemp("shown") / "world")


@pytest.fixture(scope="module")
def log(large: DataSet) -> Log:
    return Log.load(large)


@pytest.fixture(scope="module")
def lists(log: Log) -> ShownLists:
    return shown_lists(log, np.arange(len(log.impressions)))


@pytest.fixture(scope="module")
def happened(log: Log, lists: ShownLists) -> np.ndarray:
    actions = log.impressions.actions[lists.rows]
    return np.stack([actions & BIT[name] != 0 for name in ACTIONS], 1).astype(np.float32)


@pytest.fixture(scope="module")
def truth(large: DataSet, log: Log, lists: ShownLists) -> np.ndarray:
    known = oracles(large, log, lists.rows)[RELEVANCE]
    return np.stack([known[name] for name in ACTIONS], 1).astype(np.float32)


def ranked(lists: ShownLists, score: np.ndarray) -> np.ndarray:
    """Positions of an order by descending score."""
    order = np.lexsort((-score, lists.list_of))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) - lists.starts[:-1][lists.list_of[order]]
    return ranks


def test_lists_are_what_was_shown_at_once(log: Log, lists: ShownLists) -> None:
    assert np.array_equal(np.sort(lists.rows), np.arange(len(log.impressions)))
    for begin, end in zip(lists.starts[:50], lists.starts[1:51], strict=True):
        assert len(set(log.impressions.user[lists.rows[begin:end]].tolist())) == 1
        assert (np.diff(lists.position[begin:end]) > 0).all()
    one = lists.only(np.arange(len(lists.starts) - 1) == 3)
    assert np.array_equal(one.rows, lists.rows[lists.starts[3] : lists.starts[4]])


@pytest.mark.parametrize("order", ["as shown", "reversed", "best first"])
def test_estimates_are_near_the_truth(lists: ShownLists, happened: np.ndarray, truth: np.ndarray, order: str) -> None:
    score = {"as shown": -lists.position, "reversed": lists.position, "best first": truth[:, 1]}[order]
    ranks = ranked(lists, np.asarray(score, np.float64))
    known = expected(lists, ranks, truth).mean(0)
    estimate = earned(lists, ranks, happened).mean(0)
    assert len(lists.rows) > 15_000
    assert estimate[1] == pytest.approx(known[1], rel=0.05)
    assert estimate[0] == pytest.approx(known[0], rel=0.12)  # likes are rare


def test_a_better_order_earns_more(lists: ShownLists, happened: np.ndarray, truth: np.ndarray) -> None:
    best, worst = (earned(lists, ranked(lists, sign * truth[:, 1]), happened)[:, 1].mean() for sign in (1, -1))
    assert best > 1.05 * worst


def test_the_order_that_was_shown_earned_what_it_did(lists: ShownLists, happened: np.ndarray) -> None:
    as_it_was = earned(lists, lists.position, happened)
    assert np.allclose(as_it_was.sum(0), happened.sum(0))


def test_a_list_whose_posts_were_all_shown_at_one_time_is_one_list(log: Log, lists: ShownLists) -> None:
    """As when a client reports a page at once. Rows of the same time are in no order of their own."""
    times = log.impressions.time_ms.copy()
    times[lists.rows] = times[lists.rows[lists.starts[:-1]]][lists.list_of]
    at_once = replace(log, impressions=replace(log.impressions, time_ms=times))
    again = shown_lists(at_once, np.random.default_rng(0).permutation(len(times)))
    assert np.array_equal(again.rows, lists.rows)
    assert np.array_equal(again.starts, lists.starts)


def test_without_positions_nothing_can_be_said(log: Log) -> None:
    with pytest.raises(CascadeError, match="positions are not known"):
        shown_lists(log, np.arange(0))
    assert examined(np.array([0, 1, 15])).tolist() == pytest.approx([1.0, 2**-0.4, 16**-0.4])
