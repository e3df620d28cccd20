"""Releases exchanged on the real server, while feeds are asked for."""

import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import urllib3

from cluster.live_release import LiveFile, Trial
from cluster.release import Releases
from cluster.settings import Settings
from cluster.store.stream import order
from deployments.promotion.promote import promote, prune, rollback
from tests.deployments.conftest import Served
from tests.deployments.promotion.resealing import resealed, with_popular_reversed
from tests.waiting import until

pytestmark = pytest.mark.serving

NOBODY = 2**61
POST, AUTHOR = 8_500_000, 8_400_000


@pytest.fixture
def releases(served: Served) -> Iterator[tuple[str, str]]:
    """The release that is live, and another one; afterwards everything is as it was."""
    settings, root = Settings(home=served.home), Releases(served.home / "releases")
    first = served.run.release
    original = root.get(first)
    coverage = original.manifest.coverage | {"post_topic": 0.5}
    second = resealed(root, original, with_popular_reversed, coverage=coverage)
    yield first, second.name
    while (record := LiveFile(root.root).need()).live != first or record.trial:
        rollback(settings)
    shutil.rmtree(second.folder)
    until(lambda: served.run.release == first)


def live_releases(served: Served, feeds: int = 20) -> set[str]:
    """Of so many feeds, which surely meet every replica."""
    return {served.any_feed(user_id=NOBODY)["release"] for _ in range(feeds)}


def positions(served: Served, asked: int = 20) -> set[tuple[int, int]]:
    """Up to where replicas have followed the catalogue."""
    return {order(served.request("GET", "/v1/status").json()["catalogue"]["position"]) for _ in range(asked)}


class Load:
    """Feeds asked for by several at once, for as long as the block lasts."""

    def __init__(self, served: Served, askers: int = 2) -> None:
        self.failures: list[Any] = []
        self.feeds: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self._served = replace(served, http=urllib3.PoolManager(maxsize=askers))
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(user,)) for user in range(askers)]

    @contextmanager
    def running(self) -> Iterator["Load"]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join(60)
            self._served.http.clear()

    def more(self, feeds: int = 20) -> None:
        """Wait for so many more."""
        wanted = len(self.feeds) + feeds
        until(lambda: len(self.feeds) >= wanted or self.failures)

    def _ask(self, user: int) -> None:
        while not self._ended.is_set():
            body = {"user_id": NOBODY + user, "limit": 100, "deadline_ms": 10_000}
            try:
                answer = self._served.request("POST", "/v1/feed", body)
                feed = answer.json()
                (self.feeds if answer.status == 200 and len(feed["items"]) == 100 else self.failures).append(feed)
                self.statuses.append(self._served.request("GET", "/v1/status").json())
                time.sleep(0.02)  # room for whoever promotes
            except Exception as error:
                self.failures.append(error)


def test_releases_are_exchanged_under_load_and_no_feed_fails(served: Served, releases: tuple[str, str]) -> None:
    first, second = releases
    before = max(positions(served))
    assert served.request("POST", "/v1/posts", {"post_id": POST, "author_id": AUTHOR}).status == 200
    assert served.request("DELETE", f"/v1/posts/{POST}").status == 200
    until(lambda: min(positions(served)) > before)
    with Load(served).running() as load:
        load.more()
        # So short a training need not be better than counting, nor the machine be quick.
        gates = ("coverage", "baselines", "retrieval", "latency")
        accepted = [word for gate in gates for word in ("--accept", gate)]
        done = served.cascade("release", "promote", second, *accepted, "--json")
        assert done.returncode == 0, done.stderr
        promoted = json.loads(done.stdout)["promoted"]
        assert promoted["releases"][-2:] == [first, second]
        assert "coverage" in promoted["history"][-1]["accepted"]
        assert live_releases(served) == {second}, "every feed server has followed when the command ends"
        load.more()
        assert rollback(Settings(home=served.home)).live == first
        assert live_releases(served) == {first}
        load.more()
    assert load.failures == []
    assert {feed["release"] for feed in load.feeds} == {first, second}
    assert {status["release"] for status in load.statuses} == {first, second}
    for status in load.statuses:
        assert order(status["catalogue"]["position"]) > before, "what was published is in every release"
    # All that a feed is made of comes from the release that it names.
    heads = {}
    for name in releases:
        folder = Releases(served.home / "releases").get(name).folder
        rows, ids = np.load(folder / "popular.npy"), np.load(folder / "posts" / "post_ids.npy")
        heads[name] = set(ids[rows[:300]].tolist())
    for feed in load.feeds:
        popular = {item["post_id"] for item in feed["items"] if item["sources"] == ["popular"]}
        assert popular
        assert popular <= heads[feed["release"]]


def test_a_canary_answers_its_share_of_users_and_nobody_else(served: Served, releases: tuple[str, str]) -> None:
    first, second = releases
    settings, trial = Settings(home=served.home), Trial(second, "canary", 30.0)
    promote(settings, second, trial, ())
    answered = {user: served.any_feed(user_id=user, limit=1)["release"] for user in range(NOBODY, NOBODY + 100)}
    assert {user for user, release in answered.items() if release == second} == set(filter(trial.takes, answered))
    assert Counter(answered.values())[second] in range(15, 46)
    assert prune(settings, 1) == [], "a release on trial stays"
    assert rollback(settings).trial is None
    assert live_releases(served) == {first}


def test_a_release_in_the_shadow_answers_nobody_and_is_compared(served: Served, releases: tuple[str, str]) -> None:
    first, second = releases
    promote(Settings(home=served.home), second, Trial(second, "shadow", 100.0), ())
    assert live_releases(served) == {first}

    def told() -> list[dict[str, Any]]:
        status = json.loads(served.cascade("status", "--json").stdout)
        return [replica["shadow"] for replica in status["replicas"] if replica["shadow"]["compared"]]

    until(told)
    for shadow in told():
        assert (shadow["failed"], shadow["trial_ms"] > 0, shadow["live_ms"] > 0) == (0, True, True)
        assert 0 <= shadow["agreement"] < 1, "other posts are popular in it"


def test_what_feed_servers_cannot_load_is_refused_and_the_live_release_stays(
    served: Served, releases: tuple[str, str]
) -> None:
    first, second = releases
    damaged = Releases(served.home / "releases").get(second).folder / "popular.npy"
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1])
    refused = served.cascade("release", "promote", second)
    assert refused.returncode == 1
    assert "refused by checksums" in refused.stderr
    assert "popular.npy has" in refused.stderr
    with pytest.raises(Exception, match=r"refuses: .*popular.npy has"):
        promote(Settings(home=served.home), second, None, ())
    assert LiveFile(served.home / "releases").need().live == first
    assert live_releases(served) == {first}
    damaged.write_bytes(content)
