"""The server as its callers see it: real HTTP, real Ray Serve, a real store, a trained release."""

import json
import os
import signal
import time

import numpy as np
import pytest

from cluster.processes.stopping import users_of
from cluster.quotas import Quotas
from cluster.release import Releases
from cluster.vocabulary import Vocabularies
from kernels.assembly import WIDTH, assemble
from kernels.columns import ContextColumns
from kernels.features import NAMES
from tests.deployments.conftest import listens
from tests.waiting import until
from training.features.history import history_at
from training.features.log import Log

pytestmark = pytest.mark.serving

NOBODY = 2**62


def known_user(served) -> int:
    """The user with the longest history."""
    users = served.dataset.read("impressions", ["user_id"])["user_id"].to_numpy()
    ids, counts = np.unique(users, return_counts=True)
    return int(ids[counts.argmax()])


def test_a_known_user_gets_a_full_ranked_feed(served):
    feed = served.feed(user_id=known_user(served), limit=50)
    assert (feed["cold_start"], feed["degraded"], feed["coverage"]) == (False, [], 1.0)
    assert feed["release"] == served.run.release
    assert len({item["post_id"] for item in feed["items"]}) == 50
    assert {"session", "long_term"} <= {source for item in feed["items"] for source in item["sources"]}
    assert {"state", "candidates", "features", "scoring", "rules", "total"} <= set(feed["timings_ms"])
    for item in feed["items"]:
        assert {"like", "comment", "share", "long_view", "hide", "watch_time"} <= set(item["heads"])
        assert all(0 <= p <= 1 for head, p in item["heads"].items() if head != "watch_time")
    first = [item["author_id"] for item in feed["items"][:20]]
    assert max(first.count(author) for author in first) <= 2


def test_the_pipeline_narrows_from_raw_to_returned(served):
    feed = served.feed(user_id=known_user(served), limit=50, explain=True)
    counts = {c["component"]: (c["candidates_in"], c["candidates_out"]) for c in feed["explanation"]["components"]}
    raw = sum(counts[source][1] for source in ("session", "long_term", "popular", "fresh"))
    assert raw >= 600
    assert counts["prerank"] == (300, 300)
    ranked, ads = counts["ranker"][1], counts["rerank"][1] - 50
    assert counts["rerank"][0] == ranked
    assert 100 <= ranked <= 100 + ads <= 100 + Quotas().ads
    assert counts["ad_slots"] == (50 + ads, 50)


def test_what_was_seen_is_not_shown_again(served):
    user = known_user(served)
    feed = served.feed(user_id=user, limit=500, explain=True)
    rows = served.dataset.read("impressions", ["user_id", "post_id"])
    mine = rows["post_id"].to_numpy()[rows["user_id"].to_numpy() == user]
    recent = set(mine[-128:].tolist())
    assert not recent & {item["post_id"] for item in feed["items"] if not item.get("ad")}
    seen = {post["post_id"] for post in feed["explanation"]["dropped"] if post["component"] == "seen"}
    assert seen
    assert seen <= recent


def test_blocked_and_muted_authors_are_not_shown(served):
    follows = served.dataset.read("follows").to_pylist()
    for kind in ("block", "mute"):
        users = {row["user_id"] for row in follows if row["kind"] == kind}
        assert users
        for user in sorted(users)[:3]:
            hidden = {row["author_id"] for row in follows if row["user_id"] == user and row["kind"] == kind}
            feed = served.feed(user_id=user, limit=500)
            assert not hidden & {item["author_id"] for item in feed["items"]}


@pytest.mark.untouched
def test_training_and_serving_see_the_same_features_bit_for_bit(served):
    """The features in the server's answer are those that training computes from the log for the same moment."""
    user, end_ms = known_user(served), served.dataset.manifest.end_ms
    context = {"time_ms": end_ms + 60_000, "device": "ios", "connection": "wifi", "region": "north"}
    feed = served.feed(user_id=user, limit=50, surface="explore", context=context, explain=True)
    log = Log.load(served.dataset)
    vocabularies: Vocabularies = log.vocabularies

    def code(name: str, value: str | None) -> np.ndarray:
        return np.array([getattr(vocabularies, name).codes().get(value, 0)], np.int16)

    contexts = ContextColumns(
        user=np.searchsorted(log.users.ids, [user]).astype(np.int32),
        time_ms=np.array([context["time_ms"]]),
        known_ms=np.array([context["time_ms"]]),
        utc_offset_ms=np.array([log.utc_offset_ms]),
        surface=code("surface", "explore"),
        device=code("device", "ios"),
        connection=code("connection", "wifi"),
        app_version=code("app_version", None),
        region=code("region", "north"),
    )
    rows = np.searchsorted(log.posts.ids, [item["post_id"] for item in feed["items"]]).astype(np.int32)
    expected = np.empty((len(rows), WIDTH), np.float32)
    state = history_at(log, end_ms)
    assemble(state.users, contexts, state.posts, np.array([0, len(rows)]), rows, expected)
    served_x = np.array([[item["features"][name] for name in NAMES] for item in feed["items"]])
    assert len(rows) == 50
    np.testing.assert_array_equal(served_x, expected.astype(np.float64))
    assert contexts.surface[0] > 0
    assert np.ptp(expected, axis=0).astype(bool).sum() > 40, "the comparison is about features that differ"


def test_an_unknown_user_gets_the_popular_feed(served):
    feed = served.feed(user_id=NOBODY, limit=20)
    assert (feed["cold_start"], feed["degraded"], len(feed["items"])) == (True, [], 20)
    assert all({"popular", "fresh", "ads"} & set(item["sources"]) for item in feed["items"])
    assert all(item["heads"] for item in feed["items"])


def test_a_feed_goes_on_behind_its_cursor_without_repeats(served):
    user, shown, cursor = known_user(served), [], None
    for _ in range(4):
        page = served.feed(user_id=user, limit=40, cursor=cursor)
        shown += [item["post_id"] for item in page["items"]]
        cursor = page["cursor"]
    assert len(shown) == len(set(shown)) == 160


def test_cursors_that_are_not_this_feeds_are_refused(served):
    user = known_user(served)
    cursor = served.feed(user_id=user)["cursor"]
    forged = cursor[:30] + ("A" if cursor[30] != "A" else "B") + cursor[31:]
    for body in ({"user_id": user, "cursor": forged}, {"user_id": user + 1, "cursor": cursor}):
        answer = served.request("POST", "/v1/feed", body)
        assert (answer.status, answer.json()["error"]["field"]) == (400, "cursor")


def test_more_than_there_is_gives_what_there_is(served):
    feed = served.feed(user_id=NOBODY, limit=500)
    assert 0 < len(feed["items"]) <= 500
    assert len({item["post_id"] for item in feed["items"]}) == len(feed["items"])


def test_before_the_first_post_there_is_nothing_to_show(served):
    feed = served.feed(user_id=NOBODY, context={"time_ms": 1000})
    assert feed["items"] == []


def test_a_deadline_that_cannot_be_met_is_answered_without_the_ranker(served):
    for _ in range(200):  # a request may be quicker than a millisecond to get past the first stages
        feed = served.feed(user_id=known_user(served), deadline_ms=1)
        assert feed["items"]
        if "ranker" in feed["degraded"]:
            assert all(item["heads"] == {} for item in feed["items"])
            return
    pytest.fail("no request was late")


@pytest.mark.parametrize(
    ("body", "status", "field", "value"),
    [
        ({"user_id": 1, "limit": 0}, 400, "limit", 0),
        ({"user_id": 1, "limit": 10001}, 400, "limit", 10001),
        ({"user_id": "me"}, 400, "user_id", "me"),
        ({"user_id": -5}, 400, "user_id", -5),
        ({"user_id": 1, "surface": "attic"}, 400, "surface", "attic"),
        ({"user_id": 1, "context": {"time_ms": -1}}, 400, "context.time_ms", -1),
        (b'{"user_id": NaN}', 400, "body", '{"user_id": NaN}'),
        (b'{"user_id"', 400, "body", '{"user_id"'),
        (b"\xff\xfe", 400, "body", None),
        (b"", 400, "body", ""),
        (b"x" * 10_000_000, 413, "body", "10000000 bytes"),
    ],
)
def test_bad_requests_are_told_field_value_and_what_is_allowed(served, body, status, field, value):
    for path in ("/v1/feed", "/v1/events") if isinstance(body, bytes) else ("/v1/feed",):
        answer = served.request("POST", path, body)
        assert answer.status == status
        error = answer.json()["error"]
        assert error["field"] == field
        assert value is None or error["value"] == value
        assert error["message"]


def test_routes_and_methods_that_are_not_there(served):
    assert served.request("GET", "/v1/nothing").status == 404
    answer = served.request("GET", "/v1/feed")
    assert (answer.status, answer.json()["error"]["field"]) == (405, "method")


def test_health_readiness_and_docs(served):
    assert served.request("GET", "/healthz").data == b"ok"
    ready = served.request("GET", "/readyz").json()
    assert (ready["ready"], ready["release"], ready["store"]["available"]) == (True, served.run.release, True)
    assert abs(ready["feed_time_ms"] - served.dataset.manifest.end_ms) < 3_600_000, "time goes on from the data's end"
    document = served.request("GET", "/openapi.json").json()
    assert document["paths"]["/v1/feed"]["post"]["requestBody"]
    assert document["components"]["schemas"]["FeedRequest"]["properties"]["limit"]["maximum"] == 500
    assert b"swagger" in served.request("GET", "/docs").data


def event(number: int, **changes) -> dict:
    """Something that happens now, in feed time."""
    return {"event_id": f"e{number}-{time.time_ns()}", "user_id": 1, "post_id": 2, "action": "like"} | changes


def test_events_are_stored_once_and_bad_ones_are_named(served):
    before = served.request("GET", "/v1/status").json()["events"]["length"]
    good, bad = event(1), event(2, action="adore")
    answer = served.request("POST", "/v1/events", {"events": [good, bad, event(3)]})
    assert answer.status == 200
    assert (answer.json()["accepted"], answer.json()["repeated"]) == (2, 0)
    assert answer.json()["errors"][0] | {"message": ""} == {
        "field": "events[1].action",
        "value": "adore",
        "message": "",
    }
    again = served.request("POST", "/v1/events", good).json()
    assert (again["accepted"], again["repeated"]) == (1, 1)
    assert served.request("GET", "/v1/status").json()["events"]["length"] == before + 2


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_store_degrades_the_feed_and_heals(served, fault):
    user, store = known_user(served), served.run.store
    os.kill(store.pid, fault)
    feed = until(lambda: (f := served.any_feed(user_id=user))["degraded"] and f)
    assert feed["degraded"] == ["store"]
    assert (len(feed["items"]), feed["cold_start"]) == (50, False)
    if fault == signal.SIGSTOP:
        assert served.request("POST", "/v1/events", event(9)).status == 200, "events need no state"
        assert served.request("GET", "/readyz").json()["store"] == {"available": False}
        os.kill(store.pid, signal.SIGCONT)
    healed = until(lambda: not (f := served.any_feed(user_id=user))["degraded"] and f)
    assert not healed["cold_start"], "what the store knew survived"


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_event_store_refuses_events_and_feeds_go_on(served, fault):
    user, store = known_user(served), served.run.events
    acknowledged = served.request("GET", "/v1/status").json()["events"]["length"]
    os.kill(store.pid, fault)
    if fault == signal.SIGSTOP:
        refused = served.request("POST", "/v1/events", event(9))
        assert (refused.status, refused.json()["error"]["field"]) == (503, "store")
        assert refused.headers["Retry-After"]
        assert served.request("GET", "/readyz").json()["events"]["available"] is False
        os.kill(store.pid, signal.SIGCONT)
    assert served.feed(user_id=user)["degraded"] == []
    until(lambda: served.request("POST", "/v1/events", event(10)).status == 200)
    assert served.request("GET", "/v1/status").json()["events"]["length"] > acknowledged


def test_it_listens_on_loopback_only(served):
    users = users_of(served.run.ray_folder)
    assert {"gcs_server", "raylet", "haproxy"} <= {p.name() for p in users}
    assert [p for p in users if p.nice() != os.nice(0)] == []
    listening = {(name, ip) for p in users for name, ip, _ in listens(p) if not ip.endswith("127.0.0.1")}
    # Serve's gRPC servers know no other address: the channel between replicas asks for Ray's token, the others refuse
    # calls from elsewhere.
    assert {ip for _, ip in listening} <= {"::"}
    assert all(name.startswith(("ray::ServeRepl", "ray::ProxyActor")) for name, _ in listening)


def test_status_tells_what_runs(served):
    status = json.loads(served.cascade("status", "--json").stdout)
    assert status["run"]["release"] == status["server"]["release"] == served.run.release
    assert status["server"]["store"]["available"]
    assert status["server"]["events"]["available"]
    assert {"users", "posts", "archive"} <= {consumer["name"] for consumer in status["server"]["consumers"]}
    feed_server = next(d for d in status["deployments"] if d["deployment"] == "FeedServer")
    assert (feed_server["status"], feed_server["replicas"]["RUNNING"]) == ("HEALTHY", 2)
    shown = served.cascade("status").stdout
    assert served.run.release in shown
    assert "event log" in shown
    assert "consumer archive" in shown


def test_a_second_up_is_refused(served):
    second = served.cascade("up")
    assert second.returncode == 1
    assert "up already" in second.stderr


def test_releases_can_be_listed_and_shown(served):
    listed = json.loads(served.cascade("release", "list", "--json").stdout)
    assert [release["release"] for release in listed] == [served.run.release]
    shown = json.loads(served.cascade("release", "show", "--json").stdout)
    assert shown["features"] == list(NAMES)
    assert shown["coverage"]["post_topic"] == 1.0
    Releases(served.home / "releases").get(served.run.release).verify()
