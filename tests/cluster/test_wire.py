import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import InvalidField
from cluster.wire import FeedRequest, decode, error_body

DECODER = msgspec.json.Decoder(FeedRequest)


def test_a_user_id_is_enough():
    request = decode(DECODER, b'{"user_id": 42}')
    assert (request.surface, request.limit, request.explain) == ("home", 50, False)


@pytest.mark.parametrize(
    ("body", "field", "value", "allowed"),
    [
        ('{"user_id": 1, "limit": 0}', "limit", 0, ">= 1"),
        ('{"user_id": 1, "limit": 10001}', "limit", 10001, "<= 500"),
        ('{"user_id": 1, "limit": "10"}', "limit", "10", "int"),
        ('{"user_id": 1, "limit": 1.5}', "limit", 1.5, "int"),
        ('{"user_id": -1}', "user_id", -1, ">= 0"),
        ('{"user_id": 9223372036854775808}', "user_id", 2**63, "<= 9223372036854775807"),
        ('{"user_id": null}', "user_id", None, "int"),
        ("{}", "user_id", None, "missing"),
        ('{"user_id": 1, "surface": "attic"}', "surface", "attic", "'attic'"),
        ('{"user_id": 1, "colour": "red"}', "colour", "red", "unknown field"),
        ('{"user_id": 1, "context": {"time_ms": "noon"}}', "context.time_ms", "noon", "int"),
        ('{"user_id": 1, "context": {"shoe": 44}}', "context.shoe", 44, "unknown field"),
        ('{"user_id": 1, "deadline_ms": 0}', "deadline_ms", 0, ">= 1"),
        ('{"user_id": 1, "explain": 1}', "explain", 1, "bool"),
        ("[1, 2]", "body", [1, 2], "object"),
        ('{"user_id": NaN}', "body", '{"user_id": NaN}', "NaN"),
        ('{"user_id": 1', "body", '{"user_id": 1', "JSON"),
        ("", "body", "", "JSON"),
    ],
)
def test_a_bad_value_is_told_by_field_value_and_what_is_allowed(body, field, value, allowed):
    with pytest.raises(InvalidField) as error:
        decode(DECODER, body.encode())
    assert (error.value.field, error.value.value) == (field, value)
    assert allowed in error.value.allowed
    assert msgspec.json.decode(error_body(error.value))["error"]["field"] == field


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_no_body_raises_anything_else(body):
    try:
        decode(DECODER, body)
    except InvalidField as error:
        error_body(error)


def test_a_long_value_is_shortened():
    with pytest.raises(InvalidField) as error:
        decode(DECODER, msgspec.json.encode({"user_id": 1, "surface": "x" * 10_000}))
    assert len(error.value.value) < 200
