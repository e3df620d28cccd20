"""Faults while the real server works: whatever is killed, what was acknowledged counts, and once."""

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import uuid4

import psutil
import pytest
import redis
import urllib3

from benchmarks.memory import processes_of
from cluster.event_log import STREAM, EventLog
from cluster.events import Event, decode_record
from cluster.settings import Events
from cluster.store.client import SEED, user_key
from cluster.user_state import UserState, unpack
from deployments.consumers.user_fold import fold
from tests.deployments.conftest import Served
from tests.waiting import until

pytestmark = pytest.mark.serving

#: How long anything may take on a busy machine.
SECONDS = 60.0
#: Users and posts of these tests, far from those of the data set.
_users = count(10**9, 100)
POST = 10**9
POISON = b"\xc1 no record"
QUEUED = 100_000


class Sender:
    """Sends impressions of ten users over HTTP, batch by batch, and each again until it is acknowledged."""

    def __init__(self, served: Served) -> None:
        self.users = [next(_users) for _ in range(10)]
        self.acknowledged: list[str] = []
        self.failures: Counter[str] = Counter()  # answers other than 200, by status or error
        self._served = served
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def more(self, events: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + events
        until(lambda: len(self.acknowledged) >= wanted)

    @contextmanager
    def running(self) -> Iterator["Sender"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "the last events were never acknowledged"

    def _send(self) -> None:
        for post in count(POST):
            if self._ended.is_set():
                return
            batch = [
                {"event_id": uuid4().hex, "user_id": user, "post_id": post, "action": "impression"}
                for user in self.users
            ]
            deadline = time.monotonic() + SECONDS
            while not self._accepted(batch) and time.monotonic() < deadline:
                time.sleep(0.05)
            self.acknowledged += [event["event_id"] for event in batch]

    def _accepted(self, batch: list[dict[str, Any]]) -> bool:
        try:
            answer = self._served.request("POST", "/v1/events", {"events": batch})
        except urllib3.exceptions.HTTPError as error:
            self.failures[type(error).__name__] += 1
            return False
        if answer.status != 200:
            self.failures[str(answer.status)] += 1
        return answer.status == 200


def logged(served: Served) -> list[Any]:
    """All records of the event log that can be read."""
    with redis.Redis.from_url(served.run.events_url) as client:
        payloads = [fields[b"e"] for _, fields in client.xrange(STREAM)]
    return [decode_record(payload) for payload in payloads if payload != POISON]


def stored(served: Served, users: list[int]) -> dict[int, UserState]:
    with redis.Redis.from_url(served.run.store_url) as client:
        blobs = client.mget([user_key(user) for user in users])
    return {user: unpack(blob) if blob else UserState() for user, blob in zip(users, blobs, strict=True)}


def as_logged(served: Served, users: list[int]) -> dict[int, UserState]:
    """The states that follow from the log, for users whom no data set knows."""
    mine = [record for record in logged(served) if record.user_id in set(users)]
    offset_ms = served.dataset.manifest.utc_offset_minutes * 60_000
    return fold(mine, {user: UserState() for user in users}, {}, offset_ms).states


def impressions(served: Served, user: int) -> float:
    """Of all days, as the server tells."""
    answer = served.request("GET", f"/v1/users/{user}/state")
    days = answer.json()["counters"]["days"] if answer.status == 200 else []
    return sum(day["counts"].get("impression", 0) for day in days)


def assert_counted_once(served: Served, sender: Sender) -> None:
    each = len(sender.acknowledged) / len(sender.users)
    until(lambda: stored(served, sender.users) == as_logged(served, sender.users))
    assert [impressions(served, user) for user in sender.users] == [each] * len(sender.users)


def consumers(served: Served) -> dict[str, dict[str, Any]]:
    """What each consumer tells of itself, by name; waits until all do."""

    def told() -> dict[str, dict[str, Any]] | None:
        answer = served.request("GET", "/v1/status")
        reports = {each["name"]: each for each in answer.json()["consumers"] or []}
        return reports if {"users", "posts", "archive"} <= reports.keys() else None

    return until(told)


def test_what_was_acknowledged_survives_the_kill_of_the_event_store(served: Served) -> None:
    sender = Sender(served)
    with sender.running():
        sender.more(200)
        before = served.run.events
        os.kill(before.pid, signal.SIGKILL)
        while served.run.events == before:
            assert served.any_feed(user_id=1)["items"], "feeds go on"
        sender.more(200)
    times = Counter(record.event_id for record in logged(served) if isinstance(record, Event))
    assert [times[event_id] for event_id in sender.acknowledged] == [1] * len(sender.acknowledged)
    assert_counted_once(served, sender)


def test_state_follows_from_the_log_after_the_kill_of_the_state_store(served: Served) -> None:
    sender = Sender(served)
    with sender.running():
        sender.more(200)
        before = served.run.store
        os.kill(before.pid, signal.SIGKILL)
        degraded = set()
        while served.run.store == before:
            degraded |= set(served.any_feed(user_id=1)["degraded"])
        assert "store" in degraded
        until(lambda: not served.any_feed(user_id=1)["degraded"])
        sender.more(200)
    assert_counted_once(served, sender)


def test_a_state_store_that_has_lost_everything_is_filled_again(served: Served) -> None:
    known = served.dataset.read("users", ["user_id"])["user_id"][0].as_py()
    sender = Sender(served)
    with sender.running():
        sender.more(200)
        with redis.Redis.from_url(served.run.store_url) as client:
            mark = client.get(SEED)
            assert mark
            client.flushdb()
            until(lambda: client.get(SEED) == mark)
        sender.more(200)
    assert_counted_once(served, sender)
    assert not served.feed(user_id=known)["cold_start"]
    feed_time_ms = served.request("GET", "/v1/status").json()["feed_time_ms"]
    with redis.Redis.from_url(served.run.store_url) as client:
        [offset_ms] = client.hvals("clock")
    assert abs(time.time() * 1000 + int(offset_ms) - feed_time_ms) < 5000, "feed time goes on"


def test_a_killed_consumer_comes_back_and_counts_each_event_once(served: Served) -> None:
    sender = Sender(served)
    with sender.running():
        sender.more(200)
        first = consumers(served)["users"]["pid"]
        os.kill(first, signal.SIGKILL)
        sender.more(500)
        until(lambda: consumers(served)["users"]["pid"] != first)
        sender.more(100)
    assert_counted_once(served, sender)


def replicas(served: Served) -> list[psutil.Process]:
    found = []
    for process in processes_of(served.run):
        try:
            if process.cmdline()[0].startswith("ray::ServeReplica:cascade:FeedServer"):
                found.append(process)
        except (psutil.Error, IndexError):
            continue
    return found


def test_feeds_are_answered_while_a_killed_replica_is_replaced(served: Served) -> None:
    before = replicas(served)
    before[0].kill()
    killed_at = time.monotonic()
    failed_at: list[float] = []

    def answered() -> bool:
        try:
            status = served.request("POST", "/v1/feed", {"user_id": 1, "deadline_ms": 10_000}).status
        except urllib3.exceptions.HTTPError:
            status = 0
        if status != 200:
            failed_at.append(time.monotonic() - killed_at)
        return status == 200

    def replaced() -> bool:
        until(answered, 10)
        now = replicas(served)
        return len(now) >= len(before) and before[0] not in now

    until(replaced)
    until(lambda: '"RUNNING":2' in served.cascade("status", "--json").stdout.replace(" ", ""))
    assert not [seconds for seconds in failed_at if seconds > 10], "only those that it was at, and those close behind"


def test_a_poisoned_entry_is_set_aside_and_counted_and_the_rest_goes_on(served: Served) -> None:
    before = consumers(served)["users"]
    sender = Sender(served)
    with sender.running(), redis.Redis.from_url(served.run.events_url) as client:
        sender.more(100)
        position = client.xadd(STREAM, {"e": POISON})
        sender.more(100)
        aside = until(
            lambda: [
                fields
                for _, fields in client.xrange(f"{STREAM}:poison")
                if (fields[b"position"], fields[b"consumer"]) == (position, b"users")
            ]
        )
    assert aside[0][b"e"] == POISON
    assert b"DecodeError" in aside[0][b"reason"]

    def counted() -> bool:
        now = consumers(served)["users"]
        # Another process counts from nought.
        return now["poisoned"] > (before["poisoned"] if now["pid"] == before["pid"] else 0)

    until(counted)
    assert_counted_once(served, sender)


def test_what_queued_while_consumers_stood_still_is_caught_up(served: Served) -> None:
    users = [next(_users) for _ in range(200)]
    clock_ms = served.run.clock_offset_ms

    async def queue() -> None:
        async with EventLog(served.run.events_url, Events(timeout_ms=20_000)) as log:
            for post in range(POST, POST + QUEUED // len(users)):
                time_ms = time.time_ns() // 1_000_000 + clock_ms
                await log.append(
                    [
                        Event(event_id=uuid4().hex, user_id=user, action="impression", post_id=post, time_ms=time_ms)
                        for user in users
                    ]
                )

    stopped = [psutil.Process(each["pid"]) for each in consumers(served).values()]
    for process in stopped:
        process.suspend()
    try:
        asyncio.run(queue())
        with redis.Redis.from_url(served.run.events_url) as client:
            behind = {group["name"]: group["lag"] for group in client.xinfo_groups(STREAM)}
        assert behind[b"users"] >= QUEUED
    finally:
        for process in stopped:
            process.resume()

    last = POST + QUEUED // len(users) - 1
    until(lambda: all(state.events["post_id"][-1:].tolist() == [last] for state in stored(served, users).values()))
    assert stored(served, users) == as_logged(served, users)
    assert [impressions(served, user) for user in users[:5]] == [QUEUED / len(users)] * 5
    until(lambda: {each["lag"] for each in consumers(served).values()} == {0})
    assert [psutil.Process(each["pid"]) for each in consumers(served).values()] == stopped, "none was lost over it"
