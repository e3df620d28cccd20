"""The side of the channel that asks: one connection to one replica, kept open."""

import asyncio
import logging
from typing import Final

from cluster.ending import end
from cluster.errors import Unreachable
from deployments.channel.frames import FrameProtocol, Kind, proof

logger = logging.getLogger(__name__)

#: Longest wait for a connection, and the pause before it is tried again.
CONNECT_S: Final = 2.0
RETRY_S: Final = 0.2


class Elsewhere(Unreachable):
    """A replica that does not have what it was asked for."""


class Late(Unreachable):
    """There was no answer in time."""


class Peer:
    """Questions to one replica. Answers come in any order."""

    def __init__(self, address: str, token: bytes) -> None:
        """`address`: HOST:PORT."""
        self.address = address
        self._token = token
        self._connection: _Connection | None = None
        self._keeping: asyncio.Task[None] | None = None
        #: Whether it has ever been reached.
        self.reached = False

    @property
    def connected(self) -> bool:
        return self._connection is not None and self._connection.is_open

    @property
    def in_flight(self) -> int:
        """Questions without an answer so far."""
        return 0 if self._connection is None else len(self._connection.asked)

    def start(self) -> None:
        """Connect on the running event loop, and again whenever the connection is lost, until `close`."""
        self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        if self._keeping is not None:
            await end(self._keeping)

    def ask(self, question: bytes) -> "asyncio.Future[bytes]":
        """The answer to come, or Unreachable. One that is cancelled is not waited for."""
        if self._connection is None or not self._connection.is_open:
            raise Unreachable(f"there is no connection to {self.address}")
        return self._connection.ask(question)

    async def _keep(self) -> None:
        host, _, port = self.address.rpartition(":")
        loop = asyncio.get_running_loop()
        while True:
            connection = _Connection(self._token, self.address)
            try:
                async with asyncio.timeout(CONNECT_S):
                    await loop.create_connection(lambda made=connection: made, host, int(port))  # type: ignore[misc]
                    await connection.welcomed
                self._connection, self.reached = connection, True
                await connection.lost.wait()
                logger.info("the connection to %s is lost", self.address)
            except (OSError, TimeoutError, Unreachable):
                await asyncio.sleep(RETRY_S)
            finally:
                self._connection = None
                connection.abort()


class _Connection(FrameProtocol):
    def __init__(self, token: bytes, address: str) -> None:
        super().__init__()
        self._token = token
        self._address = address
        self._numbers = 0
        self.asked: dict[int, asyncio.Future[bytes]] = {}
        self.welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()

    def ask(self, question: bytes) -> "asyncio.Future[bytes]":
        self._numbers = number = self._numbers + 1
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.asked[number] = answer
        answer.add_done_callback(lambda _: self.asked.pop(number, None))
        self.send(number, Kind.QUESTION, question)
        return answer

    def frame(self, number: int, kind: int, body: bytes) -> None:
        if kind == Kind.NONCE:
            self.send(0, Kind.PROOF, proof(self._token, body))
        elif kind == Kind.WELCOME:
            self._welcome()
        elif number in self.asked and not self.asked[number].done():
            answer = self.asked[number]
            if kind == Kind.ANSWER:
                answer.set_result(body)
            else:
                answer.set_exception(self._error(kind))

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        gone = Unreachable(f"the connection to {self._address} is lost")
        self.lost.set()
        for answer in self.asked.values():
            if not answer.done():
                answer.set_exception(gone)
        if not self.welcomed.done():
            self.welcomed.set_exception(gone)
            self.welcomed.exception()  # nobody may wait for it any more

    def _welcome(self) -> None:
        if not self.welcomed.done():
            self.welcomed.set_result(None)

    def _error(self, kind: int) -> Unreachable:
        match kind:
            case Kind.ELSEWHERE:
                return Elsewhere(f"{self._address} does not have what it was asked for")
            case Kind.LATE:
                return Late(f"{self._address} had no time")
            case _:
                return Unreachable(f"{self._address} could not answer; its log says why")
