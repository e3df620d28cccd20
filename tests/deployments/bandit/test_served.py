"""A release that serves with the bandit on, in this process, on the store of a running Cascade."""

import json

import numpy as np
import pytest
import redis

from cluster.decisions import decision_key, decode_decision
from cluster.learning import Bandit
from cluster.processes.run_state import read_run
from cluster.settings import Settings, Store
from deployments.inprocess import InProcess

pytestmark = pytest.mark.serving
ASKED = b'{"user_id": %d, "limit": %d, "explain": true, "deadline_ms": 10000}'
BANDIT = Bandit(enabled=True, share=1.0, slot=5, enough=10_000)
PATIENT = Store().patient()  # a busy machine loses no decision


def test_a_feed_tells_what_bandits_chose_and_shows_it(served) -> None:
    settings = Settings(home=served.home, bandit=BANDIT, store=PATIENT)
    users = np.unique(served.dataset.read("impressions", ["user_id"])["user_id"].to_numpy())[:30].tolist()
    feeds = InProcess.open(settings)
    try:
        told = [
            json.loads(feeds.feed(b'{"user_id": %d, "limit": 10, "explain": true, "deadline_ms": 10000}' % user))
            for user in users
        ]
        plain = json.loads(feeds.feed(b'{"user_id": %d, "limit": 4, "explain": true, "deadline_ms": 10000}' % users[0]))
    finally:
        feeds.close()
    run = read_run(settings.run_file)
    assert run is not None
    with redis.Redis.from_url(run.urls.state) as state:
        kept = [decode_decision(state.get(decision_key(feed["request_id"]))) for feed in told]
    for feed, decision in zip(told, kept, strict=True):
        choices = feed["explanation"]["choices"]
        chosen = choices["source"]["chosen"]
        assert choices["source"]["propensity"] == pytest.approx(decision.propensities[decision.favoured], abs=1e-6)
        assert decision.arms[decision.favoured] == chosen
        post = int(choices["exploration"]["chosen"])
        shown = [item for item in feed["items"] if not item.get("ad")]
        place = [item["post_id"] for item in shown].index(post)
        assert place == min(BANDIT.slot, len(shown) - 1)
        assert "exploration" in shown[place]["sources"]
        assert (decision.explored, decision.explored_chance) == (
            post,
            pytest.approx(choices["exploration"]["propensity"], abs=1e-6),
        )
        assert feed["degraded"] == []
    assert len({decision.favoured for decision in kept}) > 1
    assert len({decision.explored for decision in kept}) > 5
    assert "exploration" not in plain["explanation"]["choices"]  # the slot is not reached
