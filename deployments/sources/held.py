"""Values that are dear to make, and hold for a while."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: How long a value holds, in milliseconds of feed time: counters move little meanwhile.
HOLD_MS: Final = 5_000


class Held(Generic[T]):
    """What `make` makes of a moment, made anew when it is too old, or of a later moment."""

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make
        self._held: tuple[int, T] | None = None

    def at(self, now_ms: int) -> T:
        """The value at a moment of feed time."""
        if self._held is None or not 0 <= now_ms - self._held[0] < HOLD_MS:
            self._held = now_ms, self._make(now_ms)
        return self._held[1]
