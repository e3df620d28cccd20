"""Bandits over sources, and what logs of one policy tell of another."""

from dataclasses import replace

import numpy as np
import pytest

from cluster.errors import CascadeError
from training.policy.estimators import Estimates, off_policy, snips
from training.policy.play import Always, Decisions, Even, best_value, epsilon_greedy, linucb, play, thompson, value
from training.policy.slots import SOURCES, Slots


@pytest.fixture(scope="module")
def expected(many: Slots) -> dict[str, float]:
    """What each policy may expect of what it chose, learning on its way."""
    policies = {"LinUCB": linucb(), "Thompson": thompson(), "greedy": epsilon_greedy(), "random": Even()}
    every = np.arange(len(many))
    return {name: many.chance[every, play(policy, many, 1).arm].mean() for name, policy in policies.items()}


@pytest.mark.parametrize("bandit", ["LinUCB", "Thompson"])
def test_bandits_earn_more_than_epsilon_greedy_and_a_random_mix(
    many: Slots, expected: dict[str, float], bandit: str
) -> None:
    assert expected[bandit] > expected["greedy"] > expected["random"]
    assert expected["random"] == pytest.approx(value(Even(), many), rel=0.01)
    assert expected[bandit] < best_value(many)
    assert expected[bandit] > max(value(Always(a), many) for a in range(len(SOURCES)))


def test_propensities_are_the_shares_with_which_arms_are_chosen(slots: Slots) -> None:
    policy = epsilon_greedy(0.3)
    play(policy, slots, 1)
    chances = policy.chances(slots.x, slots.allowed)
    every, shares = np.arange(len(slots)), np.zeros(slots.allowed.shape)
    for seed in range(100):
        frozen = Frozen(chances)
        log = play(frozen, slots.only(slice(0, 500)), seed)
        shares[every[:500], log.arm] += 0.01
        assert np.array_equal(log.propensity, chances[every[:500], log.arm])
    assert np.abs(shares[:500] - chances[:500]).max() < 0.25
    assert np.abs((shares - chances)[:500].mean(axis=0)).max() < 0.01


class Frozen(Even):
    """Chances that are given."""

    def __init__(self, chances: np.ndarray) -> None:
        self._chances = chances

    def chances(self, _x: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        return self._chances[: len(allowed)]


@pytest.mark.parametrize("log", ["random mix", "epsilon-greedy"])
def test_estimates_are_within_5_percent_of_the_truth_at_100_000_impressions(
    slots: Slots, many: Slots, log: str
) -> None:
    target = linucb()
    play(target, slots, 1)
    truth = value(target, many)
    logged = play(Even() if log == "random mix" else epsilon_greedy(), many, 2)
    estimates = off_policy(logged, target.chances(many.x, many.allowed))
    for name in ("ips", "snips", "dr"):
        estimate = getattr(estimates, name)
        assert estimate.value == pytest.approx(truth, rel=0.05), name
        assert estimate.low < estimate.value < estimate.high


def small_logs(slots: Slots, target: np.ndarray, logs: int, size: int) -> list[Estimates]:
    return [
        off_policy(play(Even(), slots.only(slice(i * size, (i + 1) * size)), i), target[i * size : (i + 1) * size])
        for i in range(logs)
    ]


def test_estimates_of_many_small_logs_err_to_no_side_and_by_as_much_as_they_say(many: Slots) -> None:
    logs, size = 100, 500
    target = np.where(many.allowed, [0.1, 0.6, 0.1, 0.1, 0.1], 0)
    target = target / target.sum(axis=1, keepdims=True)
    truths = (target * many.chance).sum(axis=1)[: logs * size].reshape(logs, size).mean(axis=1)
    estimates = small_logs(many, target, logs, size)
    for name in ("ips", "snips", "dr"):
        values, lows, highs = np.array([getattr(of, name) for of in estimates]).T
        error = values - truths
        assert abs(error.mean()) < 3 * error.std() / np.sqrt(logs), name
        assert np.mean((lows < truths) & (truths < highs)) > 0.88, name
    spread = {name: np.std([getattr(of, name).value for of in estimates] - truths) for name in ("ips", "snips", "dr")}
    assert spread["snips"] < spread["ips"]
    assert spread["dr"] < spread["ips"]


def test_a_policy_is_worth_what_it_did_by_its_own_log(slots: Slots) -> None:
    log = play(Even(), slots, 1)
    estimates = off_policy(log, Even().chances(slots.x, slots.allowed))
    assert estimates.ips.value == pytest.approx(log.reward.mean())
    assert estimates.snips.value == pytest.approx(log.reward.mean())
    assert estimates.effective == pytest.approx(len(log.arm))


def test_snips_of_a_constant_reward_is_that_constant() -> None:
    weight = np.random.default_rng(0).random(100) * 30
    assert snips(weight, np.full(100, 0.7), np.arange(100)).value == pytest.approx(0.7)
    assert np.isnan(snips(np.zeros(3), np.ones(3), np.arange(3)).value)


def test_without_propensities_nothing_can_be_said(slots: Slots) -> None:
    log: Decisions = play(Even(), slots, 1)
    target = Even().chances(slots.x, slots.allowed)
    with pytest.raises(CascadeError, match="chance was 0"):
        off_policy(replace(log, propensity=np.zeros(len(slots))), target)
