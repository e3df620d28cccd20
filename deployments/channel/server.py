"""The side of the channel that answers."""

import asyncio
import hmac
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

from deployments.channel.frames import NONCE_BYTES, FrameProtocol, Kind, proof

logger = logging.getLogger(__name__)

#: Who connects and proves nothing is let go after so long.
PROOF_S: Final = 5.0


class NotAnswered(Exception):
    """Why a question has no answer."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind.name.lower())
        self.kind = kind


Answer = Callable[[bytes], Awaitable[bytes]]


class ChannelServer:
    """Answers whoever has the token, each question in a task of its own."""

    def __init__(self, answer: Answer, token: bytes) -> None:
        """`answer` raises NotAnswered for what it has no answer to."""
        self._answer = answer
        self._token = token
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._load = _Load()

    async def start(self, host: str) -> str:
        """Listen on a free port of `host`; the address, as HOST:PORT."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, host, 0)
        return f"{host}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Take no more connections, and end those there are."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()

    def load(self) -> float:
        """Questions that were being answered at a time, on average since this was last asked."""
        return self._load.mean()

    def _connection(self) -> "_Connection":
        connection = _Connection(self._respond, self._token, self._connections)
        self._connections.add(connection)
        return connection

    async def _respond(self, connection: "_Connection", number: int, body: bytes) -> None:
        self._load.add(1)
        try:
            connection.send(number, Kind.ANSWER, await self._answer(body))
        except NotAnswered as error:
            connection.send(number, error.kind, b"")
        except Exception:
            logger.exception("a question could not be answered")
            connection.send(number, Kind.FAILED, b"")
        finally:
            self._load.add(-1)


class _Load:
    def __init__(self) -> None:
        self._now = 0
        self._seconds = 0.0  # of all questions together
        self._begun = self._at = time.monotonic()

    def add(self, questions: int) -> None:
        now = time.monotonic()
        self._seconds += self._now * (now - self._at)
        self._now, self._at = self._now + questions, now

    def mean(self) -> float:
        self.add(0)
        mean = self._seconds / max(self._at - self._begun, 1e-9)
        self._seconds, self._begun = 0.0, self._at
        return mean


class _Connection(FrameProtocol):
    def __init__(
        self,
        respond: Callable[["_Connection", int, bytes], Awaitable[None]],
        token: bytes,
        connections: "set[_Connection]",
    ) -> None:
        super().__init__()
        self._respond = respond
        self._token = token
        self._connections = connections
        self._nonce = os.urandom(NONCE_BYTES)
        self._trusted = False
        self._tasks: set[asyncio.Future[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.send(0, Kind.NONCE, self._nonce)
        asyncio.get_running_loop().call_later(PROOF_S, self._let_go)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._connections.discard(self)
        for task in self._tasks:
            task.cancel()

    def frame(self, number: int, kind: int, body: bytes) -> None:
        if self._trusted and kind == Kind.QUESTION:
            task = asyncio.ensure_future(self._respond(self, number, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif kind == Kind.PROOF and hmac.compare_digest(body, proof(self._token, self._nonce)):
            self._trusted = True
            self.send(0, Kind.WELCOME, b"")
        else:
            self.abort()

    def _let_go(self) -> None:
        if not self._trusted:
            self.abort()
