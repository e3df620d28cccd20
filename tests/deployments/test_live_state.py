"""What people do reaches the next feed: over HTTP, through event log, consumers and state store."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from tests.deployments.conftest import Served
from tests.waiting import until

pytestmark = pytest.mark.serving

#: Within this an action must have changed the same user's next feed; a busy machine gets more than the second it needs.
SECONDS = 10.0


def users(served: Served) -> list[int]:
    ids: list[int] = served.dataset.read("users", ["user_id"])["user_id"].to_pylist()
    return ids


def tell(served: Served, user: int, *events: dict[str, Any]) -> None:
    body = {"events": [{"event_id": uuid4().hex, "user_id": user, **event} for event in events]}
    answer = served.request("POST", "/v1/events", body)
    assert answer.status == 200, answer.data
    assert answer.json()["accepted"] == len(events)


def shown(feed: dict[str, Any]) -> list[int]:
    return [item["post_id"] for item in feed["items"]]


def explained(served: Served, user: int) -> dict[int, dict[str, float]]:
    """Features of each post of the user's feed."""
    feed = served.feed(user_id=user, limit=100, explain=True)
    return {item["post_id"]: item["features"] for item in feed["items"]}


def test_what_was_just_seen_and_liked_changes_the_next_feed(served: Served) -> None:
    user = users(served)[20]
    first = served.feed(user_id=user, limit=20)
    post, author = first["items"][0]["post_id"], first["items"][0]["author_id"]
    before = explained(served, user)
    tell(
        served,
        user,
        {"action": "impression", "post_id": post, "request_id": first["request_id"], "position": 0},
        {"action": "like", "post_id": post},
        {"action": "view", "post_id": post, "watch_ms": 9000},
    )
    until(lambda: post not in shown(served.feed(user_id=user, limit=100)))
    after = explained(served, user)
    some = next(iter(before.keys() & after.keys()))
    assert after[some]["user_impressions_1h"] > before[some]["user_impressions_1h"]
    assert after[some]["user_like_rate_1h"] > before[some]["user_like_rate_1h"]
    assert after[some]["user_hours_since_last"] < 0.1
    [state] = [served.request("GET", f"/v1/users/{user}/state").json()]
    assert state["history"][-1]["post_id"] == post
    assert "like" in state["history"][-1]["actions"]
    assert author in [entry["author_id"] for entry in state["authors"]]


def test_what_many_do_with_a_post_reaches_everybodys_features_and_the_trends(served: Served) -> None:
    fans, reader = users(served)[30:60], users(served)[61]
    seen = explained(served, reader)
    post = next(iter(seen))
    for fan in fans:
        tell(served, fan, {"action": "like", "post_id": post, "region": "north"})
    # Some of them have been shown the post before: their likes belong to that impression.
    counted = until(lambda: _features_after(served, reader, post, seen[post]["post_impressions_1h"] + len(fans) / 3))
    assert counted["post_like_rate_1d"] > seen[post]["post_like_rate_1d"]
    assert counted["post_trend"] > seen[post]["post_trend"] + 1

    def sources() -> Sequence[str]:
        feed = served.feed(user_id=reader, limit=100, context={"region": "north"})
        return next((item["sources"] for item in feed["items"] if item["post_id"] == post), [])

    until(lambda: "trending" in sources())


def _features_after(served: Served, user: int, post: int, impressions: float) -> dict[str, float] | None:
    """Features of `post` once it has been shown so often in the last hour, on whichever replica answers."""
    features = explained(served, user).get(post)
    return features if features and features["post_impressions_1h"] >= impressions else None


def test_taking_a_like_back_undoes_it(served: Served) -> None:
    user = users(served)[70]
    post = served.feed(user_id=user)["items"][0]["post_id"]
    tell(served, user, {"action": "impression", "post_id": post}, {"action": "like", "post_id": post})

    def liked() -> list[str] | None:
        history = served.request("GET", f"/v1/users/{user}/state").json()["history"]
        return next((entry["actions"] for entry in history if entry["post_id"] == post), None)

    until(lambda: liked() == ["like"])
    tell(served, user, {"action": "unlike", "post_id": post})
    until(lambda: liked() == [])


def test_a_blocked_author_is_gone_and_unblocked_is_back(served: Served) -> None:
    user = users(served)[71]

    def authors() -> set[int]:
        return {item["author_id"] for item in served.feed(user_id=user, limit=100)["items"]}

    author = next(iter(authors()))
    tell(served, user, {"action": "block", "author_id": author})
    until(lambda: author not in authors())
    tell(served, user, {"action": "unblock", "author_id": author})
    until(lambda: author in authors())


def test_the_state_of_a_request_comes_in_one_round_trip(served: Served) -> None:
    """Commands that the state store counts: one more per feed, whatever consumers and followers do beside."""
    import redis

    user, feeds = users(served)[72], 20
    with redis.Redis.from_url(served.run.store_url) as client:

        def reads() -> int:
            return int(client.info("commandstats").get("cmdstat_mget", {}).get("calls", 0))

        counted = []
        for _ in range(5):  # a consumer or a replica that just starts reads too, for a moment
            before = reads()
            for _ in range(feeds):
                served.feed(user_id=user)
            counted.append(reads() - before)
        assert min(counted) == feeds, counted
