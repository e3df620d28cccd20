"""A feed in parts: arithmetic that can be interrupted, and what it waits for.

A generator yields None where others may have a look at the event loop, and an awaitable where it goes on with what
that comes to.
"""

from collections.abc import Awaitable, Generator
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T")
Asked = Awaitable[Any] | None
Parts = Generator[Asked, Any, T]


class Said(NamedTuple):
    """What an awaitable came to."""

    value: Any = None
    error: Exception | None = None

    def to(self, parts: "Parts[Any]") -> Asked:
        """Let `parts` go on with it, up to its next break. Raises StopIteration at its end."""
        return parts.send(self.value) if self.error is None else parts.throw(self.error)


NOTHING: Final = Said()


async def said(asked: Awaitable[Any]) -> Said:
    """Wait for what was asked for."""
    try:
        return Said(await asked)
    except Exception as error:
        return Said(error=error)


async def whole(parts: Parts[T]) -> T:
    """All of it, without turns."""
    heard = NOTHING
    while True:
        try:
            asked = heard.to(parts)
        except StopIteration as end:
            result: T = end.value
            return result
        heard = NOTHING if asked is None else await said(asked)
