"""The servers that Cascade is compared with, on the stores and the release of a real Cascade."""

import pytest

from benchmarks.contenders.contender import running
from benchmarks.contenders.ground import Ground
from benchmarks.contenders.registry import CONTENDERS
from benchmarks.same_feeds import Asking, agreement, ask
from cluster.clock import Clock
from tests.conftest import free_port

pytestmark = [pytest.mark.serving, pytest.mark.untouched]
USERS = 12


@pytest.mark.parametrize("name", ["monolith", "composition"])
def test_it_answers_the_same_feeds_as_cascade(served, name, monkeypatch):
    for variable, value in served.environment.items():
        monkeypatch.setenv(variable, value)
    run = served.run
    ground = Ground(run.urls, Clock(run.clock_offset_ms), "127.0.0.1", free_port(), 1)
    users = served.dataset.read("users", ["user_id"])["user_id"].to_pylist()[:USERS]
    asking = Asking(users, served.dataset.manifest.end_ms + 60_000, 50, run.release)
    with running(CONTENDERS[name], ground):
        ask(ground.url, asking)  # the first ones may be late, for kernels are compiled for them
        found = agreement(ask(run.http_address, asking), ask(ground.url, asking))
    assert (found.feeds, found.identical) == (USERS, USERS)
