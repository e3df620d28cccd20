"""Weights tuned on logged lists of a synthetic world, against its truth."""

from dataclasses import replace

import numpy as np
import pytest

from cluster.rules import Rules
from kernels.actions import BIT
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise
from training.evaluation.counterfactual import shown_lists
from training.evaluation.oracle import RELEVANCE, oracles
from training.features.log import Log
from training.tune.weights import Evidence, ranks, true_value, tune_weights, value

HEADS = ("like", "long_view", "watch_time")
ACTIONS = ("like", "long_view")
WORTH = {"long_view": 1.0, "like": 1.0}
RULES = Rules(weights={"like": 1.0, "long_view": 1.0})


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """A ranker that is right of likes; its long views mean nothing."""
    dataset = synthesise(Parameters(users=600, posts=500, days=4, seed=8), tmp_path_factory.mktemp("tuned") / "world")
    log = Log.load(dataset)
    lists = shown_lists(log, np.arange(len(log.impressions)))
    truth = oracles(dataset, log, lists.rows)[RELEVANCE]
    rng = np.random.default_rng(0)
    predicted = np.stack([truth["like"], rng.random(len(lists.rows)), np.full(len(lists.rows), 10.0)], 1)
    seen = log.impressions
    posts = seen.post[lists.rows]
    return Evidence(
        lists=lists,
        user=seen.user[lists.rows],
        author=log.posts.author[posts],
        age_ms=seen.time_ms[lists.rows] - log.posts.created_ms[posts],
        kind=log.posts.kind[posts],
        content=log.posts.content[posts],
        heads=HEADS,
        predicted=predicted.astype(np.float32),
        actions=ACTIONS,
        happened=np.stack([seen.actions[lists.rows] & BIT[name] != 0 for name in ACTIONS], 1).astype(np.float32),
        truth=np.stack([truth[name] for name in ACTIONS], 1).astype(np.float32),
    )


def test_what_misleads_gets_less_weight_and_the_gain_is_real(evidence: Evidence) -> None:
    tuned = tune_weights(evidence, RULES, WORTH, trials=25, seed=0)
    assert tuned.weights["long_view"] / tuned.weights["like"] < 0.3
    assert tuned.better
    assert tuned.gain.low <= tuned.gain.value <= tuned.gain.high
    assert tuned.gain.value == pytest.approx(tuned.then.value - tuned.now.value)
    assert tuned.truth is not None
    assert tuned.truth["tuned"] > tuned.truth["now"]
    for name, estimate in (("now", tuned.now), ("tuned", tuned.then)):
        assert estimate.value == pytest.approx(tuned.truth[name], rel=0.05)


def test_where_nothing_can_be_gained_nothing_is_claimed(evidence: Evidence) -> None:
    knowing = replace(evidence, heads=ACTIONS, predicted=evidence.truth)
    tuned = tune_weights(knowing, RULES, WORTH, trials=10, seed=0)
    assert not tuned.better or tuned.gain.value < 0.01 * tuned.now.value


def test_ranks_are_those_of_serving_rules(evidence: Evidence) -> None:
    capped = Rules(weights={"like": 1.0}, author_cap=1, fresh_boost=0.0)
    position = ranks(evidence, capped)
    for begin, end in zip(evidence.lists.starts[:30], evidence.lists.starts[1:31], strict=True):
        assert sorted(position[begin:end].tolist()) == list(range(end - begin))
        best = np.argmax(evidence.predicted[begin:end, 0])
        assert position[begin + best] == 0


def test_values_of_lists_add_up(evidence: Evidence) -> None:
    assert value(evidence, RULES, {}).sum() == 0
    twice = value(evidence, RULES, {"like": 2.0})
    assert np.allclose(twice, 2 * value(evidence, RULES, {"like": 1.0}))
    assert true_value(replace(evidence, truth=None), RULES, WORTH) is None
