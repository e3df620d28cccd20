"""Back-pressure: whether consumers are too far behind for more events, looked up beside the requests."""

import asyncio

from cluster.errors import CascadeError
from cluster.event_log import EventLog
from cluster.store.breaker import StoreUnavailable

#: How often the lag is looked up, in seconds.
PERIOD_S = 0.5


class Overloaded(CascadeError):
    """Nothing more is taken while consumers are behind."""


class Pressure:
    """Follows the lag of the event log's consumers once it is started."""

    def __init__(self, log: EventLog, max_lag: int) -> None:
        self._log = log
        self._max_lag = max_lag
        self._task: asyncio.Task[None] | None = None
        #: Why no more events are taken at the moment; None: they are.
        self.reason: str | None = None

    def start(self) -> None:
        """Begin on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._follow())

    def check(self, remedy: str) -> None:
        """Raises Overloaded while no more events are taken; `remedy` says what to do then."""
        if self.reason:
            raise Overloaded(f"{self.reason}; {remedy}")

    async def look(self) -> None:
        """Look up the lag once. A store that is gone changes nothing: appends say so themselves."""
        try:
            lags = await self._log.lags()
        except StoreUnavailable:
            return
        late = {name: lag for name, lag in lags.items() if lag > self._max_lag}
        self.reason = None
        if late:
            consumers = ", ".join(f"{name} is {lag} events behind" for name, lag in sorted(late.items()))
            self.reason = f"consumer {consumers}, more than {self._max_lag}"

    async def _follow(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(PERIOD_S)
