"""Feed time: the real time, or the time of the data going on from where a release's data ends."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Unix milliseconds, shifted by `offset_ms`.

    Serving last year's log against this year's calendar would find nothing fresh and every counter expired; with
    an offset, the day after the log's last is today.
    """

    offset_ms: int = 0

    @classmethod
    def replay(cls, data_end_ms: int) -> "Clock":
        """A clock that shows `data_end_ms` now and goes on from there."""
        return cls(data_end_ms - cls().now_ms())

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_ms
