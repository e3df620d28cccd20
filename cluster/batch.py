"""Request bodies that hold one item, or a list of items under one name."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from cluster.errors import InvalidField
from cluster.wire import decode

T = TypeVar("T")

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def parse_batch(body: bytes, name: str, most: int, parse: Callable[[bytes], T]) -> tuple[list[T], list[InvalidField]]:
    """The good items of a JSON body, and an error for each bad one, which names its place: `posts[3].kind`.

    The body is one item, or {name: [...]} with 1 to `most` of them; `parse` raises InvalidField for a bad one.
    """
    try:
        parts = parts_of(body, name, most)
    except InvalidField as error:
        return [], [error]
    items, errors = [], []
    for where, part in parts:
        try:
            items.append(parse(part))
        except InvalidField as error:
            errors.append(placed(error, where))
    return items, errors


def placed(error: InvalidField, where: str) -> InvalidField:
    """The error of an item, with the place of that item in the body; "" for a body that is the item."""
    field = where if error.field == "body" and where else f"{where}.{error.field}".lstrip(".")
    return InvalidField(field, error.value, error.allowed)


def parts_of(body: bytes, name: str, most: int) -> list[tuple[str, bytes]]:
    """The JSON of each item and where it lies in the body. Raises InvalidField."""
    envelope = decode(_OBJECT, body)
    if name not in envelope:
        return [("", body)]
    for other in envelope.keys() - {name}:
        value = bytes(envelope[other]).decode()[:100]
        raise InvalidField(other, value, f"unknown field; beside `{name}` none is allowed")
    try:
        items = decode(_LIST, bytes(envelope[name]))
    except InvalidField as error:
        raise InvalidField(name, error.value, error.allowed) from None
    if not 1 <= len(items) <= most:
        raise InvalidField(name, f"{len(items)} {name}", f"must hold 1 to {most} {name}")
    return [(f"{name}[{i}]", bytes(item)) for i, item in enumerate(items)]
