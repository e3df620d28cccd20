"""Admission: who cannot be answered in time is told so at once, and the others take turns.

The arithmetic of feeds runs on a replica's event loop, one feed at a time, first come first served. So what a feed
must wait is known when it comes: those before it times what one takes. Between pieces of a feed the loop looks for new
requests, so that a refusal waits for a piece and not for a feed. While a feed waits for other processes, it is the turn
of others.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final, Literal, NamedTuple, Self, TypeVar

from cluster.errors import CascadeError
from cluster.serving import Serving
from cluster.store.release_board import LoadStatus
from deployments.admission.quality import Quality
from deployments.admission.service_time import ServiceTime
from deployments.admission.turns import Turns
from deployments.pipeline.parts import NOTHING, Parts, Said, said

T = TypeVar("T")
Refused = Literal["late", "full", "stale"]

#: While others wait, a feed lets the loop look for requests after so many seconds, and for so many of its rounds: Ray
#: Serve takes about as many from the first byte to the handler.
PIECE_S: Final = 1e-3
ROUNDS: Final = 8
#: Feeds that the rest of a request's time is measured in: a source may begin as long as half of these are left.
WORK: Final = 4.0
RETRY_AFTER_S: Final = 1


class TooBusy(CascadeError):
    """A feed that is not made, because it could not be answered in time."""

    def __init__(self, reason: Refused, allowed_s: float, message: str) -> None:
        super().__init__(message, "ask again later, or with more time")
        self.reason = reason
        self.deadline_ms = round(allowed_s * 1e3)


class Admission:
    """Of one replica; for the tasks of one event loop."""

    def __init__(self, serving: Serving, clock: Callable[[], float] = monotonic) -> None:
        """`clock` tells seconds."""
        self.quality = Quality(serving.quality_wait_ms / 1e3, serving.quality_floor, clock)
        self.service = ServiceTime()
        self._elsewhere = ServiceTime()  # what a feed waits for other processes
        self.in_flight = 0
        self.admitted = 0
        self.refused: Counter[str] = Counter()
        self._most = serving.max_ongoing_requests
        self._headroom = serving.headroom
        self._clock = clock
        self._turns = Turns()
        self._given_back = clock()  # when the last turn ended
        self._piece_s = 0.0  # the last piece: a request may have waited so long before it was seen

    def visit(self, allowed_s: float) -> "Visit":
        """Admit a request that must be answered within `allowed_s` seconds. Raises TooBusy.

        A request that is alone is always admitted: what it has no time for is left out.
        """
        if self.in_flight:
            if self.in_flight >= self._most:
                raise self.refusal("full", allowed_s, f"{self.in_flight} requests are here already")
            finish_s = self._piece_s + self.service.bound(self.in_flight + 1) + self._elsewhere.bound(1)
            if finish_s > self._headroom * allowed_s:
                raise self.refusal("late", allowed_s, f"an answer would take about {finish_s * 1e3:.0f} ms")
        self.admitted += 1
        return Visit(self, allowed_s, self._clock() - self._piece_s if self.in_flight else self._clock())

    def refusal(self, reason: Refused, allowed_s: float, message: str) -> TooBusy:
        """The error of a request that is not answered; it is counted."""
        self.refused[reason] += 1
        return TooBusy(reason, allowed_s, f"the server is busy: {message}")

    @property
    def wait_s(self) -> float:
        """What a request that comes now is predicted to wait for its turn."""
        return self.in_flight * self.service.mean

    def status(self) -> LoadStatus:
        """Figures for people."""
        return LoadStatus(
            in_flight=self.in_flight,
            admitted=self.admitted,
            refused=dict(self.refused),
            quality=round(self.quality.factor, 3),
            service_ms=round(self.service.mean * 1e3, 3),
            wait_ms=round(self.wait_s * 1e3, 3),
        )

    async def run(self, parts: Parts[T], visit: "Visit") -> T:
        """Take turns, and drive `parts` to its end. Raises TooBusy when there is not enough time left for the first."""
        held_s, waited_s, heard, back = 0.0, 0.0, NOTHING, False
        while True:
            ready, crowded = self._clock(), self._turns.held
            async with self._turns.one(back):
                begun = self._clock()
                if not back:
                    await self._begin(begun - ready, crowded, visit)
                try:
                    driven = await self._drive(parts, heard)
                finally:
                    self._given_back, before = self._clock(), self._given_back
                    # What was done between two turns, as writing the last answer, is part of what a feed takes.
                    held_s += self._given_back - (max(before, ready) if crowded else begun)
            if driven.asked is None:
                self.service.note(held_s)
                if back:
                    self._elsewhere.note(waited_s)
                result: T = driven.result
                return result
            left = self._clock()
            heard, back = await said(driven.asked), True
            waited_s += self._clock() - left

    async def _begin(self, waited_s: float, crowded: bool, visit: "Visit") -> None:
        self.quality.note(waited_s)
        if crowded and self._clock() + self.service.mean > visit.deadline:
            raise self.refusal("stale", visit.allowed_s, "its turn came too late")
        # In any case: who is in the loop already must be counted before it is held.
        await _rounds()

    async def _drive(self, parts: Parts[T], heard: Said) -> "_Driven":
        """Drive `parts` to where it asks for something, or to its end."""
        begun = self._clock()
        while True:
            try:
                asked = heard.to(parts)
            except StopIteration as end:
                self._piece_s = self._clock() - begun
                return _Driven(None, end.value)
            if asked is not None:
                self._piece_s = self._clock() - begun
                return _Driven(asked, None)
            heard = NOTHING
            if self.in_flight > 1 and (piece_s := self._clock() - begun) >= PIECE_S:
                self._piece_s = piece_s
                await _rounds()
                begun = self._clock()


class _Driven(NamedTuple):
    """What parts ask for, or what they came to."""

    asked: Awaitable[Any] | None
    result: Any


class Visit:
    """A request that was admitted, for the time of a `with`."""

    __slots__ = ("_admission", "allowed_s", "deadline", "quality")

    def __init__(self, admission: Admission, allowed_s: float, arrived: float) -> None:
        self._admission = admission
        self.allowed_s = allowed_s
        self.deadline = arrived + allowed_s
        #: Share of the candidates that its feed is made of.
        self.quality = admission.quality.factor

    @property
    def work_s(self) -> float:
        """The end of its time by which it is judged late: who waited for a turn need not leave things out."""
        return WORK * self._admission.service.mean or self.allowed_s

    async def run(self, parts: Parts[T]) -> T:
        """Drive `parts` to its end when its turn has come. Raises TooBusy when that is too late."""
        return await self._admission.run(parts, self)

    def __enter__(self) -> Self:
        self._admission.in_flight += 1
        return self

    def __exit__(self, *_error: object) -> None:
        self._admission.in_flight -= 1


async def _rounds() -> None:
    """Let the loop look for new requests, and answer those that are refused."""
    for _ in range(ROUNDS):
        await asyncio.sleep(0)
