"""Messages of `cascade.proto` from and to what the services take and answer: JSON bytes, and structs."""

from typing import Any, Final

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from cluster.posts import PostsResponse
from cluster.users import UserExport
from cluster.wire import EventsResponse, Fault, FeedResponse

_encode: Final = msgspec.json.Encoder().encode
#: What travels as JSON.
_EXPLAINED: Final = {"explanation", "why"}


def json_of(message: Message, **defaults: Any) -> bytes:
    """A request as JSON: the fields that are set, and `defaults` of others, under their names."""
    return _encode(defaults | _fields(message))


def _fields(message: Message) -> dict[str, Any]:
    """Not for maps, of which requests have none."""
    return {field.name: _value(field, value) for field, value in message.ListFields()}


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is None:
        return list(value) if field.is_repeated else value
    return [_fields(each) for each in value] if field.is_repeated else _fields(value)


def filled(kind: type[Message], answer: msgspec.Struct) -> Message:
    """The message of `kind` that says what a struct says; null is not set."""
    fields = msgspec.to_builtins(answer)
    match answer:
        case FeedResponse(explanation=explanation) if explanation is not None:
            # It grows, and 64-bit ids in it would not survive a google.protobuf.Struct.
            for part in (fields, *fields["items"]):
                part.update({name: _encode(part[name]).decode() for name in part.keys() & _EXPLAINED})
        case EventsResponse() | PostsResponse():
            fields["errors"] = [fault_fields(fault) for fault in answer.errors]
        case UserExport():
            # A map cannot hold maps.
            counters = fields["counters"]
            counters["decayed"] = {window: {"counts": counts} for window, counts in counters["decayed"].items()}
    return kind(**fields)


def fault_fields(fault: Fault) -> dict[str, str]:
    """The fields of a message Fault."""
    return {"field": fault.field, "value": _encode(fault.value).decode(), "message": fault.message}
