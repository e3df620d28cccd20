"""A clock that rings at a given instant, within tens of microseconds.

uvloop and asyncio round a timer to whole milliseconds, which is more than an idle server may take to answer, and
uvloop rings early as often as late, so that a caller who needs the instant spins. Linux's timerfd does neither.
"""

import asyncio
import ctypes
import os
import struct
import time
from collections.abc import Callable
from typing import Final

LIBC: Final = ctypes.CDLL(None, use_errno=True)
CLOCK_MONOTONIC: Final = 1
TFD_NONBLOCK: Final = os.O_NONBLOCK
TFD_TIMER_ABSTIME: Final = 1
#: struct itimerspec: interval (seconds, nanoseconds), then the first expiry.
ITIMERSPEC: Final = struct.Struct("4q")


class Alarm:
    """Calls `ring` on `loop` once for each `set`. Without timerfd (not Linux) it is the loop's own timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._fd = -1
        if hasattr(LIBC, "timerfd_create"):
            self._fd = LIBC.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)
            if self._fd < 0:
                raise OSError(ctypes.get_errno(), "timerfd_create failed")
            loop.add_reader(self._fd, self._expired)

    def set(self, at: float) -> None:
        """Ring at `time.monotonic() == at` (seconds), or at once if that has passed. Replaces an earlier setting."""
        if self._fd < 0:
            self._loop.call_later(max(0.0, at - time.monotonic()), self._ring)
            return
        nanoseconds = max(1, int(at * 1e9))
        value = ITIMERSPEC.pack(0, 0, nanoseconds // 1_000_000_000, nanoseconds % 1_000_000_000)
        if LIBC.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, value, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime failed")

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _expired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # it was set again between the wake-up and now
        self._ring()
