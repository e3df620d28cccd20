"""Posts over HTTP, as their publishers see them: on every replica of the real server within two seconds."""

import itertools
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from kernels.columns import CONTENT_DIM
from tests.deployments.conftest import Served

pytestmark = pytest.mark.serving

FIRST_ID, AUTHOR = 9_000_000, 8_000_000
#: Requests that meet every replica, surely enough.
REQUESTS = 20


@pytest.fixture(scope="module")
def starts() -> Iterator[int]:
    """Where the ids of each test begin: a post published again would keep the date of its first time."""
    return itertools.count(FIRST_ID, 5000)


@pytest.fixture
def ids(served: Served, starts: Iterator[int]) -> Iterator[range]:
    """Ids of posts of a test's own, which are removed after it: others share the server."""
    first = next(starts)
    ids = range(first, first + 5000)
    yield ids
    for begin in range(0, len(ids), 1000):
        posts = [{"post_id": i, "author_id": AUTHOR, "moderation": "removed"} for i in ids[begin : begin + 1000]]
        assert publish(served, posts)["accepted"] == 1000
    time.sleep(2)


def publish(served: Served, posts: list[dict]) -> dict:
    answer = served.request("POST", "/v1/posts", {"posts": posts})
    assert answer.status == 200, answer.data
    return answer.json()


def reader(served: Served) -> int:
    """The user with the longest history."""
    users, counts = np.unique(served.dataset.read("impressions", ["user_id"])["user_id"].to_numpy(), return_counts=True)
    return int(users[counts.argmax()])


def feeds_of_all_replicas(served: Served, user: int) -> list[dict[int, dict]]:
    """Items by post id, of many feeds."""
    feeds = [served.feed(user_id=user, limit=500) for _ in range(REQUESTS)]
    return [{item["post_id"]: item for item in feed["items"]} for feed in feeds]


def liked_by_nearness(served: Served, user: int, count: int) -> list[dict]:
    """Posts that the index brings for a user."""
    items = served.feed(user_id=user, limit=500)["items"]
    near = [item["post_id"] for item in items if "long_term" in item["sources"]][:count]
    return [served.request("GET", f"/v1/posts/{post_id}").json() for post_id in near]


def test_a_new_post_is_brought_by_nearness_and_by_freshness_on_every_replica(served, ids):
    user = reader(served)
    alike = liked_by_nearness(served, user, 40)
    fields = ("kind", "topic", "embedding", "author_id")
    told = [{field: post[field] for field in fields if field in post} for post in alike]
    lengths = itertools.count(10_000, 200)  # else they would be near-duplicates
    new = [{"post_id": i, "duration_ms": next(lengths), **post} for i, post in zip(ids, told, strict=False)]
    old = [{"post_id": i, "duration_ms": next(lengths), **post} for i, post in zip(ids[100:], told, strict=False)]
    old = [{**post, "created_ms": 1} for post in old]
    assert publish(served, new + old) == {"accepted": 80, "errors": []}
    assert served.request("GET", f"/v1/posts/{ids[0]}").json()["author_id"] == alike[0]["author_id"]
    time.sleep(2)
    feeds = feeds_of_all_replicas(served, user)
    always = set.intersection(*(set(feed) for feed in feeds))
    assert len(always & {post["post_id"] for post in new}) > 20
    assert always & {post["post_id"] for post in old}, "only the index brings posts that are not fresh"
    for feed in feeds:
        for post_id in always & {post["post_id"] for post in new + old}:
            item = feed[post_id]
            assert item["heads"]["like"] > 0
            assert ("fresh" in item["sources"]) == (post_id < ids[100])
            assert "popular" not in item["sources"]
    assert any("long_term" in feeds[0][post["post_id"]]["sources"] for post in new if post["post_id"] in always)


def test_what_is_deleted_or_removed_is_gone_from_every_replica(served, ids):
    user = reader(served)
    publish(served, [{"post_id": i, "author_id": AUTHOR + i} for i in ids[:10]])
    time.sleep(2)
    before = feeds_of_all_replicas(served, user)
    shown = [i for i in ids[:10] if all(i in feed for feed in before)]
    assert len(shown) > 4
    [known, other] = [item for item in before[0] if item < FIRST_ID][:2]
    for post_id in (shown[0], known):
        assert served.request("DELETE", f"/v1/posts/{post_id}").status == 200
        for method in ("DELETE", "GET", "PATCH"):
            answer = served.request(method, f"/v1/posts/{post_id}", {} if method == "PATCH" else None)
            assert (answer.status, answer.json()["error"]["field"]) == (404, "post_id")
    for post_id in (shown[1], other):
        answer = served.request("PATCH", f"/v1/posts/{post_id}", {"moderation": "removed"})
        assert (answer.status, answer.json()["moderation"]) == (200, "removed")
    time.sleep(2)
    gone = {shown[0], shown[1], known, other}
    assert all(not gone & set(feed) for feed in feeds_of_all_replicas(served, user))
    [row] = [row for row in served.dataset.read("posts").to_pylist() if row["post_id"] == known]
    publish(served, [{name: value for name, value in row.items() if value is not None}])
    assert served.request("PATCH", f"/v1/posts/{other}", {"moderation": "ok"}).status == 200
    time.sleep(2)
    assert all({known, other} <= set(feed) for feed in feeds_of_all_replicas(served, user))


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "", {"post_id": 1, "author_id": 2, "embedding": [0.5] * (CONTENT_DIM - 1)}, 400, "embedding"),
        ("POST", "", b'{"post_id": 1, "author_id": 2, "embedding": [NaN]}', 400, "body"),
        ("POST", "", {"post_id": 1, "author_id": 2, "kind": "hologram"}, 400, "kind"),
        ("POST", "", {"posts": [{"post_id": 1}]}, 400, "posts[0].author_id"),
        ("POST", "", {"posts": []}, 400, "posts"),
        ("PATCH", "/1", {"moderation": "perhaps"}, 400, "moderation"),
        ("DELETE", "/4611686018427387904", None, 404, "post_id"),
        ("GET", "/-1", None, 400, "post_id"),
        ("GET", "/seven", None, 400, "post_id"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(served, method, path, body, status, field):
    answer = served.request(method, f"/v1/posts{path}", body)
    assert (answer.status, answer.json()["error"]["field"]) == (status, field)
    assert answer.json()["error"]["message"]


def test_an_unknown_topic_is_taken_and_a_post_without_content_too(served, ids):
    post = {"post_id": ids[0], "author_id": AUTHOR, "topic": "never heard of", "region": "nowhere"}
    assert served.request("POST", "/v1/posts", post).status == 200
    stored = served.request("GET", f"/v1/posts/{ids[0]}").json()
    assert (stored["topic"], stored["region"]) == ("never heard of", "nowhere")


def test_new_indexes_are_built_under_requests_and_none_fails(served, ids):
    user, failures, answered, done = reader(served), [], [0], threading.Event()

    def ask() -> None:
        while not done.is_set():
            answer = served.request("POST", "/v1/feed", {"user_id": user, "deadline_ms": 10_000})
            answered[0] += 1
            # A busy machine may read the user's state too late, which has nothing to do with indexes.
            feed = answer.json() if answer.status == 200 else None
            if feed is None or len(feed["items"]) != 50 or set(feed["degraded"]) - {"store"}:
                failures.append(answer.data)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for begin in range(0, len(ids), 1000):
            posts = [
                {"post_id": i, "author_id": AUTHOR + i % 50, "created_ms": 1, "caption": f"number {i}", "tags": ["n"]}
                for i in ids[begin : begin + 1000]
            ]
            posts[7]["kind"], posts[11]["embedding"] = "hologram", [1.0]
            answer = publish(served, posts)
            assert answer["accepted"] == 998
            assert [error["field"] for error in answer["errors"]] == ["posts[7].kind", "posts[11].embedding"]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            states = [served.request("GET", "/v1/status").json()["catalogue"] for _ in range(REQUESTS)]
            if all(state["fresh"] < 2000 and state["posts"] > 4990 for state in states):
                break
            time.sleep(0.2)
        else:
            pytest.fail(f"no new index: {states}")
    finally:
        done.set()
        asking.join(60)
    assert answered[0] > 10
    assert failures == []
