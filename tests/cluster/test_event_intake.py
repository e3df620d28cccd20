import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cluster.event_intake import take_in
from cluster.events import POST_ACTIONS, RELATION_ACTIONS, Event, decode_record, encode_record
from cluster.wire import error_body
from kernels.columns import I64

NOW = 1_700_000_000_000
HOUR = 3_600_000
GOOD: dict[str, Any] = {"event_id": "a", "user_id": 1, "post_id": 2, "action": "like", "time_ms": NOW}


class Posts:
    """Posts 10 to 19 of authors 110 to 119; even ones have a topic. Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def authors_and_topics(self, post_ids: I64) -> tuple[I64, NDArray[np.bool_], Sequence[str]]:
        self.asked += 1
        known = (post_ids >= 10) & (post_ids < 20)
        return post_ids + 100, known, ["" if post % 2 else f"topic{post}" for post in post_ids.tolist()]


def parse(body: Any, now_ms: int = NOW) -> tuple[list[Event], list[Any]]:
    return take_in(body if isinstance(body, bytes) else json.dumps(body).encode(), now_ms, Posts())


events = st.builds(
    Event,
    event_id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64),
    user_id=st.integers(0, 2**63 - 1),
    post_id=st.integers(20, 2**63 - 1),
    author_id=st.integers(0, 2**63 - 1),
    action=st.sampled_from(POST_ACTIONS),
    time_ms=st.integers(NOW - 48 * HOUR, NOW + 5 * 60_000),
    request_id=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=64),
    position=st.none() | st.integers(0, 10_000),
    watch_ms=st.none() | st.integers(0, 86_400_000),
    surface=st.none() | st.sampled_from(["home", "explore"]),
    device=st.none() | st.just("ios"),
    topic=st.none() | st.just("cats"),
)


@given(st.lists(events, min_size=1, max_size=5))
def test_what_is_sent_is_what_is_kept(sent: list[Event]) -> None:
    parsed, errors = parse(json.dumps({"events": [msgspec.to_builtins(e) for e in sent]}).encode())
    assert not errors
    assert [decode_record(encode_record(event)) for event in parsed] == sent


def test_one_event_may_come_alone() -> None:
    assert parse(GOOD) == ([Event(**GOOD)], [])


def test_author_and_topic_are_those_of_the_post_by_one_lookup() -> None:
    posts = Posts()
    bodies = [
        GOOD | {"post_id": 12},
        GOOD | {"post_id": 13},
        GOOD | {"post_id": 12, "author_id": 7, "topic": "dogs"},
        GOOD | {"post_id": 12, "author_id": 7},
        GOOD | {"post_id": 99},
    ]
    parsed, errors = take_in(json.dumps({"events": bodies}).encode(), NOW, posts)
    assert not errors
    assert posts.asked == 1
    assert [(e.author_id, e.topic) for e in parsed] == [
        (112, "topic12"),
        (113, None),
        (7, "dogs"),
        (7, "topic12"),
        (None, None),
    ]


def test_an_event_without_a_time_happens_now() -> None:
    [event], _ = parse({key: value for key, value in GOOD.items() if key != "time_ms"})
    assert event.time_ms == NOW


@pytest.mark.parametrize("age_ms", [-5 * 60_000, 0, 48 * HOUR])
def test_times_within_the_limits_are_taken(age_ms: int) -> None:
    assert parse(GOOD | {"time_ms": NOW - age_ms})[1] == []


@pytest.mark.parametrize("action", RELATION_ACTIONS)
def test_a_relation_needs_an_author_and_not_a_post(action: str) -> None:
    relation = {"event_id": "a", "user_id": 1, "action": action, "time_ms": NOW}
    for fields in ({"author_id": 5}, {"author_id": 5, "post_id": 12}, {"post_id": 12}):
        [event], errors = parse(relation | fields)
        assert not errors
        assert event.author_id == fields.get("author_id", 112)
    for fields in ({}, {"post_id": 99}):
        parsed, [error] = parse(relation | fields)
        assert not parsed
        assert (error.field, error.value) == ("author_id", None)


def test_nobody_has_relations_with_themselves_but_may_end_them() -> None:
    for action in RELATION_ACTIONS:
        parsed, errors = parse({"event_id": "a", "user_id": 112, "action": action, "post_id": 12})
        refused = action in ("follow", "block", "mute", "close_friend")
        assert (len(parsed), [(e.field, e.value) for e in errors]) == (
            (0, [("author_id", 112)]) if refused else (1, [])
        ), action


BAD_FIELDS = [
    ("event_id", "", "length >= 1"),
    ("event_id", "x" * 65, "length <= 64"),
    ("event_id", 7, "Expected `str`"),
    ("user_id", -1, ">= 0"),
    ("user_id", "1", "Expected `int`"),
    ("user_id", 1.5, "Expected `int`"),
    ("user_id", True, "Expected `int`"),
    ("user_id", 2**63, "<= 9223372036854775807"),
    ("post_id", 2**80, "<= 9223372036854775807"),
    ("post_id", None, "needs the post"),
    ("author_id", -1, ">= 0"),
    ("action", "likes", "one of impression, view, like"),
    ("action", ["like"], "Expected `str`"),
    ("time_ms", NOW + 5 * 60_000 + 1, "5 minutes"),
    ("time_ms", -1, ">= 0"),
    ("time_ms", 0, "48 hours"),
    ("time_ms", NOW - 48 * HOUR - 1, "feed_time_ms"),
    ("device", "x" * 65, "length <= 64"),
    ("position", -1, ">= 0"),
    ("watch_ms", 1e300, "Expected `int"),
    ("colour", "red", "unknown field"),
]


@pytest.mark.parametrize(("field", "value", "allowed"), BAD_FIELDS)
@pytest.mark.parametrize("batch", [False, True])
def test_a_bad_field_is_named_and_the_good_events_are_kept(field: str, value: Any, allowed: str, batch: bool) -> None:
    bad = {**GOOD, field: value}
    parsed, [error] = parse({"events": [GOOD, bad, GOOD]} if batch else bad)
    assert parsed == [Event(**GOOD)] * (2 if batch else 0)
    assert error.field == (f"events[1].{field}" if batch else field)
    assert str(error.value)[:100] == str(value)[:100]
    assert allowed in error.allowed
    assert json.loads(error_body(error))["error"]["field"] == error.field


@pytest.mark.parametrize("field", ["event_id", "user_id", "post_id", "action"])
def test_a_missing_field_is_named(field: str) -> None:
    body = json.dumps({key: value for key, value in GOOD.items() if key != field}).encode()
    parsed, [error] = parse(body)
    assert not parsed
    assert error.field == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"\xff\xfe", "body"),
        (b"[]", "body"),
        (b"3", "body"),
        (json.dumps({**GOOD, "watch_ms": float("nan")}).encode(), "body"),
        (json.dumps({"events": [GOOD, {**GOOD, "time_ms": float("inf")}]}).encode(), "body"),
        (b'{"events": []}', "events"),
        (b'{"events": {}}', "events"),
        (b'{"events": [3]}', "events[0]"),
        (json.dumps({"events": [GOOD] * 1001}).encode(), "events"),
        (json.dumps({"events": [GOOD], "user": 3}).encode(), "user"),
        (b"[" * 100_000, "body"),
        (b'{"events": [{"event_id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]}", "body"),
    ],
)
def test_a_body_that_holds_no_events_is_told_why(body: bytes, field: str) -> None:
    parsed, [error] = parse(body)
    assert not parsed
    assert error.field == field
    assert len(str(error)) < 500
    assert json.loads(error_body(error))["error"]["message"]


def test_many_errors_are_all_named() -> None:
    body = json.dumps({"events": [{**GOOD, "user_id": -i} for i in range(1000)]}).encode()
    parsed, errors = parse(body)
    assert len(parsed) == 1
    assert [error.field for error in errors] == [f"events[{i}].user_id" for i in range(1, 1000)]
