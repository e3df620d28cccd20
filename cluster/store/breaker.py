"""A circuit breaker: while the store is gone, requests skip it instead of waiting for it."""

import logging
import time
from enum import Enum, auto

from cluster.errors import CascadeError

logger = logging.getLogger(__name__)

#: Timeouts in a row that open the breaker. One alone may be a slow disk: the server answers nobody while it waits
#: for an append to reach it.
TIMEOUTS = 3


class StoreUnavailable(CascadeError):
    """A store did not answer, or is not asked because it just failed."""

    def __init__(self, store: str, reason: str, retry_ms: int) -> None:
        super().__init__(f"the {store} is not available: {reason}", "Start it, or see its log.")
        self.retry_ms = retry_ms


class _State(Enum):
    CLOSED = auto()
    OPEN = auto()
    TRIAL = auto()


class Breaker:
    """Closed: calls pass. A lost or refused connection, or several timeouts in a row, open it: calls are refused
    for `retry_ms`. Then one passes as a trial, whose outcome closes it or opens it again.
    """

    def __init__(self, store: str, retry_ms: int) -> None:
        self.store = store
        self.retry_ms = retry_ms
        self._state = _State.CLOSED
        self._retry_at = 0.0
        self._reason = ""
        self._timeouts = 0

    @property
    def is_closed(self) -> bool:
        return self._state is _State.CLOSED

    def admit(self) -> None:
        """Let a call pass; report its outcome with `succeeded` or `failed`. Raises StoreUnavailable."""
        self.check()
        if self._state is _State.TRIAL:
            raise self._refusal()
        if self._state is _State.OPEN:
            self._state = _State.TRIAL

    def check(self) -> None:
        """Refuse an admitted call that had to wait when the breaker opened meanwhile. Raises StoreUnavailable."""
        if self._state is _State.OPEN and time.monotonic() < self._retry_at:
            raise self._refusal()

    def succeeded(self) -> None:
        if self._state is not _State.CLOSED:
            logger.warning("the %s answers again", self.store)
        self._state = _State.CLOSED
        self._timeouts = 0

    def failed(self, reason: str, timeout: bool = False) -> StoreUnavailable:
        """Take note of a failure, and return the error to raise."""
        self._reason = reason
        self._timeouts += timeout
        if self._state is not _State.CLOSED or not timeout or self._timeouts >= TIMEOUTS:
            if self._state is _State.CLOSED:
                logger.warning("the %s failed, asking again every %d ms: %s", self.store, self.retry_ms, reason)
            self._state = _State.OPEN
            self._retry_at = time.monotonic() + self.retry_ms / 1e3
        return self._refusal()

    def refused(self, reason: str) -> StoreUnavailable:
        """The error to raise when the store answered that it will not do what it was asked; it is there."""
        self.succeeded()
        return StoreUnavailable(self.store, f"it refuses: {reason}", self.retry_ms)

    def _refusal(self) -> StoreUnavailable:
        return StoreUnavailable(self.store, self._reason, self.retry_ms)
