import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.events import EVENT_ACTIONS, Event, decode_event, encode_event, parse_events
from cluster.wire import error_body

NOW = 1_700_000_000_000
GOOD: dict[str, Any] = {"event_id": "a", "user_id": 1, "post_id": 2, "action": "like", "time_ms": NOW}

events = st.builds(
    Event,
    event_id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64),
    user_id=st.integers(0, 2**63 - 1),
    post_id=st.integers(0, 2**63 - 1),
    action=st.sampled_from(EVENT_ACTIONS),
    time_ms=st.integers(0, NOW + 5 * 60_000),
    request_id=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=64),
    position=st.none() | st.integers(0, 10_000),
    watch_ms=st.none() | st.integers(0, 86_400_000),
    surface=st.none() | st.sampled_from(["home", "explore"]),
)


@given(st.lists(events, min_size=1, max_size=5))
def test_what_is_sent_is_what_is_kept(sent: list[Event]) -> None:
    body = json.dumps({"events": [{k: getattr(e, k) for k in e.__struct_fields__} for e in sent]}).encode()
    parsed, errors = parse_events(body, NOW)
    assert not errors
    assert [decode_event(encode_event(event)) for event in parsed] == sent


def test_one_event_may_come_alone() -> None:
    assert parse_events(json.dumps(GOOD).encode(), NOW) == ([Event(**GOOD)], [])


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
    ("post_id", None, "Expected `int`"),
    ("action", "likes", "one of impression, view, like"),
    ("action", ["like"], "Expected `str`"),
    ("time_ms", NOW + 5 * 60_000 + 1, "5 minutes"),
    ("time_ms", -1, ">= 0"),
    ("position", -1, ">= 0"),
    ("watch_ms", 1e300, "Expected `int"),
    ("colour", "red", "unknown field"),
]


@pytest.mark.parametrize(("field", "value", "allowed"), BAD_FIELDS)
@pytest.mark.parametrize("batch", [False, True])
def test_a_bad_field_is_named_and_the_good_events_are_kept(field: str, value: Any, allowed: str, batch: bool) -> None:
    bad = {**GOOD, field: value}
    body = json.dumps({"events": [GOOD, bad, GOOD]} if batch else bad).encode()
    parsed, [error] = parse_events(body, NOW)
    assert parsed == [Event(**GOOD)] * (2 if batch else 0)
    assert error.field == (f"events[1].{field}" if batch else field)
    assert str(error.value)[:100] == str(value)[:100]
    assert allowed in error.allowed
    assert json.loads(error_body(error))["error"]["field"] == error.field


@pytest.mark.parametrize("field", ["event_id", "user_id", "post_id", "action", "time_ms"])
def test_a_missing_field_is_named(field: str) -> None:
    body = json.dumps({key: value for key, value in GOOD.items() if key != field}).encode()
    parsed, [error] = parse_events(body, NOW)
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
    parsed, [error] = parse_events(body, NOW)
    assert not parsed
    assert error.field == field
    assert len(str(error)) < 500
    assert json.loads(error_body(error))["error"]["message"]


def test_many_errors_are_all_named() -> None:
    body = json.dumps({"events": [{**GOOD, "user_id": -i} for i in range(1000)]}).encode()
    parsed, errors = parse_events(body, NOW)
    assert len(parsed) == 1
    assert [error.field for error in errors] == [f"events[{i}].user_id" for i in range(1, 1000)]
