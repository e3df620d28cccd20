"""The service definition says what the wire types say, and the committed module is made from it."""

import subprocess
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from cluster import events, posts, users, wire
from deployments.grpc import cascade_pb2 as pb

ROOT = Path(__file__).parents[3]
PROTO = "deployments/grpc/cascade.proto"
MESSAGES = dict(pb.DESCRIPTOR.message_types_by_name)
#: By name of the message, where the struct's is another one.
NAMES = {
    "AppendEventsResponse": wire.EventsResponse,
    "PublishPostsResponse": posts.PostsResponse,
    "UserState": users.UserExport,
}
#: What only gRPC has: parts of a path, lists alone, and maps in maps.
OWN = {"AppendEventsRequest", "PublishPostsRequest", "PostRequest", "ChangePostRequest", "UserRequest"}
OWN |= {"ExplainRequest", "SetProfileRequest", "RelationRequest", "StatusRequest", "Counts"}
#: Fields that travel in another shape, and those that only the log has.
SHAPED = {("Fault", "value"), ("FeedResponse", "explanation"), ("Item", "why"), ("Counters", "decayed")}


def structs() -> dict[str, type[msgspec.Struct]]:
    """The wire types by name, those in their fields included; what explains travels as JSON."""
    found: dict[str, type[msgspec.Struct]] = {}

    def take(kind: Any) -> None:
        new = kind not in (wire.Explanation, wire.Why, *found.values())
        if new and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found[kind.__name__] = kind
            for hint in get_type_hints(kind).values():
                take(hint)
        for part in get_args(kind):
            take(part)

    for kind in (wire.FeedRequest, wire.FeedResponse, wire.Status, events.Event, posts.NewPost, posts.PostChange):
        take(kind)
    for kind in (posts.Post, users.ProfileChange, users.Appended, users.Erased, wire.Fault, *NAMES.values()):
        take(kind)
    return found | NAMES


def scalar(hint: Any) -> tuple[str, bool, bool]:
    """Type, whether it is a list or map of it, and whether it may be missing, as a message field has them."""
    if get_origin(hint) is Annotated:
        return scalar(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        parts = [part for part in get_args(hint) if part not in (NoneType, msgspec.UnsetType)]
        name, many, _ = scalar(parts[0])
        return name, many, True
    if get_origin(hint) is list:
        return scalar(get_args(hint)[0])[0], True, False
    if get_origin(hint) is dict:
        return "map", True, False
    if hint in (int, float, bool):
        return hint.__name__, False, False
    return ("message" if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else "str"), False, False


#: By number of the protobuf type: double, int64, int32, bool, string.
TYPES = {1: "float", 3: "int", 5: "int", 8: "bool", 9: "str"}


@pytest.mark.parametrize("name", sorted(MESSAGES.keys() - OWN))
def test_a_message_has_the_fields_of_its_wire_type(name):
    message, struct = MESSAGES[name], structs()[name]
    hints = get_type_hints(struct, include_extras=True)
    assert [field.name for field in message.fields] == list(struct.__struct_fields__)
    is_request = bool(struct.__struct_config__.forbid_unknown_fields)
    for field in message.fields:
        if (name, field.name) in SHAPED:
            continue
        kind, many, missing = scalar(hints[field.name])
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        found = "map" if is_map else "message" if field.message_type else TYPES[field.type]
        assert (found, field.is_repeated) == (kind, many), field.name
        # Whether a field of a request was sent is told apart, so that 0 is not the default.
        assert many or field.has_presence == (missing or is_request or kind == "message"), field.name


def test_every_wire_type_has_its_message():
    assert structs().keys() - {struct.__name__ for struct in NAMES.values()} == MESSAGES.keys() - OWN


def test_the_module_is_what_the_compiler_makes_of_the_definition(tmp_path):
    command = ["-m", "grpc_tools.protoc", "-I.", "--python_out=.", "--pyi_out=.", PROTO]
    written = [argument.replace("out=.", f"out={tmp_path}") for argument in command]
    subprocess.run([sys.executable, *written], cwd=ROOT, check=True, timeout=60)
    for module in (PROTO.replace(".proto", "_pb2.py"), PROTO.replace(".proto", "_pb2.pyi")):
        assert (ROOT / module).read_text() == (tmp_path / module).read_text(), "run python " + " ".join(command)
