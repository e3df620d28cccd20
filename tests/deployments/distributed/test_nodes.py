"""A cluster of several nodes, on one machine."""

import json
import subprocess
import sys

import pytest

from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from tests.conftest import ENVIRONMENT, free_port

pytestmark = pytest.mark.serving
PROGRAM = "tests.deployments.distributed.nodes"


def test_parts_and_nodes_are_lost_and_come_back_and_every_feed_is_answered(settings: Settings, urls: StoreUrls) -> None:
    """In a process of its own, for a process may be in one cluster only."""
    command = [sys.executable, "-m", PROGRAM, str(settings.home), urls.state, urls.events, str(free_port())]
    ran = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=400)
    assert ran.returncode == 0, ran.stderr[-4000:]
    steps = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"step"')]
    told = {step.pop("step"): step for step in steps}
    assert "cannot place Ranker: there is room for 0 of 1 replicas" in told["refused"]["error"]
    assert told["up"] == told["both back"] == told["node added"] == {"degraded": []}
    assert "ranker" in told["ranker lost"]["degraded"]
    assert "shard 1" in told["shard 1 lost"]["degraded"]
    assert told["node lost"] == {"degraded": ["shards", "session", "long_term"]}
    assert told["end"]["statuses"].keys() == {"200"}
    assert told["end"]["statuses"]["200"] > 100
