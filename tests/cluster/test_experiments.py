"""Who is in which arm, and settings that name arms."""

import pytest
from pydantic import ValidationError

from cluster.experiments import Experiment, arms_of
from cluster.rules import Rules
from cluster.settings import Settings

TEST = Experiment(name="weights", arms={"more": 0.3, "less": 0.2})


def test_users_are_dealt_by_their_shares_always_alike_and_anew_by_each_experiment():
    users = range(20_000)
    arms = [TEST.arm_of(user) for user in users]
    assert arms == [TEST.arm_of(user) for user in users]
    for arm, share in {"more": 0.3, "less": 0.2, None: 0.5}.items():
        assert arms.count(arm) / len(arms) == pytest.approx(share, abs=0.015)
    other = [Experiment(name="other", arms=TEST.arms).arm_of(user) for user in users]
    both = sum(a == b == "more" for a, b in zip(arms, other, strict=True))
    assert both / len(arms) == pytest.approx(0.09, abs=0.01)


def test_a_user_has_an_arm_of_each_experiment_that_they_take_part_in():
    everybody = Experiment(name="all", arms={"on": 1.0})
    for user in range(50):
        expected = {"all": "on"} | ({"weights": arm} if (arm := TEST.arm_of(user)) else {})
        assert arms_of([everybody, TEST], user) == expected
    assert arms_of([], 1) == {}


@pytest.mark.parametrize("arms", [{}, {"a": 0.0}, {"a": 0.6, "b": 0.6}, {"a": -0.1}])
def test_shares_that_cannot_be_dealt_are_refused(arms):
    with pytest.raises(ValidationError, match="arms"):
        Experiment(name="wrong", arms=arms)


def test_weights_for_arms_that_are_not_there_are_refused_with_their_place():
    rules = Rules(weights_for=[{"weights": {"like": 2}}, {"arms": ["weights/more", "weights/most"], "weights": {}}])
    with pytest.raises(ValidationError, match=r"rules.weights_for\[1\].arms: weights/most.*weights/less"):
        Settings(rules=rules, experiments=[TEST])
    with pytest.raises(ValidationError, match="weights/more"):
        Settings(rules=rules)
    with pytest.raises(ValidationError, match="names must differ"):
        Settings(experiments=[TEST, TEST])
    assert Settings(rules=Rules(weights_for=[{"arms": ["weights/more"], "weights": {}}]), experiments=[TEST])
