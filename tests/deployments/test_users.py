"""Single users over HTTP, as clients see them: what they set shows in the next feed, and they can be forgotten."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
import redis

from cluster.event_log import STREAM
from cluster.events import Erasure, Record, decode_record
from cluster.store.client import user_key
from tests.deployments.conftest import Served

pytestmark = pytest.mark.serving

#: How soon a change shows, in seconds: within one, but a busy machine gets more.
SOON_S = 10.0


def ordinary_users(served: Served) -> list[int]:
    """Users with a history who block and mute nobody, the most active first; other tests ask for the very first."""
    ids, counts = np.unique(served.dataset.read("impressions", ["user_id"])["user_id"].to_numpy(), return_counts=True)
    follows = served.dataset.read("follows").to_pylist()
    particular = [row["user_id"] for row in follows if row["kind"] in ("block", "mute")]
    most_active = ids[np.argsort(-counts, kind="stable")][1:]
    return most_active[~np.isin(most_active, particular)].tolist()


def soon(condition: Callable[[], bool]) -> bool:
    """Whether a condition that is asked for within SOON_S holds."""
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline:
        if condition():
            return True
    return False


def authors(served: Served, user: int) -> set[int]:
    return {item["author_id"] for item in served.feed(user_id=user, limit=500)["items"]}


def ask(served: Served, method: str, path: str, body: object = None) -> tuple[int, dict]:
    answer = served.request(method, f"/v1/users/{path}", body)
    return answer.status, answer.json()


def logged(served: Served, user: int) -> list[Record]:
    """The user's records in the event log."""
    records = []
    with redis.Redis.from_url(served.run.events_url) as client:
        for _, fields in client.xrange(STREAM):
            with suppress(msgspec.DecodeError):  # other tests leave entries that nobody can read
                records.append(decode_record(fields[b"e"]))
    return [record for record in records if record.user_id == user]


def archived(folder: Path, user: int) -> list[str]:
    """Kinds of the user's records in the archive."""
    tables = [pq.read_table(file, partitioning=None) for file in folder.rglob("*.parquet")]
    return [row["record"] for table in tables for row in table.to_pylist() if row["user_id"] == user]


@pytest.mark.parametrize("kind", ["block", "mute"])
def test_an_unwanted_author_leaves_the_next_feeds_until_he_is_wanted_again(served, kind):
    user = ordinary_users(served)[0]
    author = served.feed(user_id=user)["items"][0]["author_id"]
    assert ask(served, "PUT", f"{user}/relations/{kind}/{author}")[0] == 200
    assert soon(lambda: author not in authors(served, user))
    assert ask(served, "GET", f"{user}/relations")[1][kind] == [author]
    assert ask(served, "GET", f"{user}/state")[1]["relations"][kind] == [author]
    assert ask(served, "DELETE", f"{user}/relations/{kind}/{author}")[0] == 200
    assert soon(lambda: author in authors(served, user))
    status, answer = ask(served, "DELETE", f"{user}/relations/{kind}/{author}")
    assert (status, answer["error"]["field"], answer["error"]["value"]) == (404, "author_id", author)


def test_everything_stored_of_a_user_is_told(served):
    user = ordinary_users(served)[1]
    post = served.feed(user_id=user, limit=1)["items"][0]
    liked = {"user_id": user, "post_id": post["post_id"]}
    events = [{"event_id": f"{user}-{action}", "action": action, **liked} for action in ("impression", "like")]
    assert served.request("POST", "/v1/events", {"events": events}).json()["accepted"] == 2
    assert ask(served, "PUT", f"{user}", {"followers": 12, "region": "south"})[0] == 200
    assert soon(lambda: ask(served, "GET", f"{user}/state")[1]["profile"]["followers"] == 12)
    told = ask(served, "GET", f"{user}/state")[1]
    assert told["profile"]["region"] == "south"
    assert len(told["history"]) > 5
    assert (told["history"][-1]["post_id"], told["history"][-1]["actions"]) == (post["post_id"], ["like"])
    assert told["counters"]["decayed"]["1h"]["like"] >= 0.99
    assert told["counters"]["days"][0]["counts"]["impression"] >= 1
    assert post["author_id"] in {row["author_id"] for row in told["authors"]}


def test_an_erased_user_is_a_newcomer_and_leaves_log_and_archive(served):
    user, neighbour = ordinary_users(served)[2:4]
    assert not served.feed(user_id=user)["cold_start"]
    post = served.feed(user_id=user)["items"][0]["post_id"]
    events = [{"event_id": f"{n}-like", "user_id": n, "post_id": post, "action": "like"} for n in (user, neighbour)]
    assert served.request("POST", "/v1/events", {"events": events}).json()["accepted"] == 2
    status, answer = ask(served, "DELETE", f"{user}")
    assert (status, answer["erased"]) == (200, True)
    with redis.Redis.from_url(served.run.store_url) as client:
        assert not client.exists(user_key(user))
    assert ask(served, "GET", f"{user}/state")[0] == 404
    feed = served.feed(user_id=user)
    assert (feed["cold_start"], feed["degraded"]) == (True, [])

    *told, last = logged(served, user)  # other tests may have told of him too
    assert isinstance(last, Erasure)
    assert not [record for record in told if isinstance(record, Erasure)]
    done = served.cascade("data", "forget", "--user", str(user), "--json")
    assert done.returncode == 0, done.stderr
    removed = json.loads(done.stdout)
    assert (removed["users"], removed["rows"], removed["log_entries"]) == ([user], len(told), len(told))
    assert removed["files"] >= 1
    assert [isinstance(record, Erasure) for record in logged(served, user)] == [True]
    archive = served.home / "archive" / "events"
    assert archived(archive, user) == ["erasure"]
    assert "event" in archived(archive, neighbour)
    assert not served.feed(user_id=neighbour)["cold_start"]
