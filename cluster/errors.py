"""Errors that people read: each names what is wrong and what to do next."""

from typing import Any


class CascadeError(Exception):
    """An error with a remedy. The command line prints it without a traceback and exits with 1."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class InvalidField(CascadeError):
    """A value that is not allowed, in a request, an event or a row of a file."""

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        super().__init__(f"{field} has value {value!r}: {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


class Unreachable(CascadeError):
    """A process of this Cascade that does not answer, or not in time."""


class NotFound(InvalidField):
    """There is nothing of the kind."""


class Unreadable(InvalidField):
    """What is stored cannot be read."""


class TooLarge(InvalidField):
    """A request that is longer than the server reads."""
