"""A lean HTTP/1.1 client for load: requests are bytes made beforehand, answers are parsed by llhttp (httptools).

It shares the machine with the server it measures, so each microsecond of it is taken from that server. It does what a
load generator needs and no more: keep-alive, no pipelining, no redirects, no TLS, and no retries, because a request
that fails is a result.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Final, Self, cast
from urllib.parse import urlsplit

import httptools

from cluster.errors import InvalidField

#: States of a call that is not answered; an answered one has the HTTP status.
PENDING: Final = 0
TIMEOUT: Final = -1
BROKEN: Final = -2
#: Seconds to wait for a connection.
CONNECT_TIMEOUT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and the path that stands before every other."""

    host: str
    port: int
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Raises InvalidField unless `url` is http://HOST[:PORT][/PREFIX]."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme != "http" or not host:
            raise InvalidField("address", url, "must be http://HOST:PORT")
        return cls(host, port or 80, parts.path.rstrip("/"))

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{self.prefix}"

    def post(self, path: str, body: bytes) -> bytes:
        """The bytes of a POST of JSON `body` to `path`."""
        return self._request("POST", path, body)

    def get(self, path: str) -> bytes:
        """The bytes of a GET of `path`."""
        return self._request("GET", path, b"")

    def _request(self, method: str, path: str, body: bytes) -> bytes:
        kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if method == "POST" else ""
        head = f"{method} {self.prefix}{path} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\n{kind}\r\n"
        return head.encode() + body


class Call:
    """One request. Times are `time.monotonic()` in seconds; NaN until known."""

    __slots__ = ("body", "connection", "done", "intended", "payload", "queued", "sent", "status")

    def __init__(self, payload: bytes, intended: float) -> None:
        self.payload = payload
        self.intended = intended
        self.sent = float("nan")
        self.done = float("nan")
        self.status = PENDING
        self.body = b""
        #: True when every connection was busy, so that the server and not this client made it wait.
        self.queued = False
        self.connection: _Connection | None = None

    def finish(self, status: int, body: bytes = b"") -> None:
        self.done = time.monotonic()
        self.status = status
        self.body = body
        self.connection = None


class Pool:
    """At most `size` connections to `address`, opened when needed; calls beyond them wait in order.

    An asynchronous context manager: at its end all connections are closed.
    """

    def __init__(self, address: Address, size: int = 512) -> None:
        self.address = address
        self.size = size
        self.connections = 0
        self._live: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._waiting: deque[Call] = deque()
        self._opening: set[asyncio.Task[None]] = set()

    def submit(self, call: Call) -> None:
        """Send `call` now, or as soon as a connection is free. Its state tells how it ended."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                connection.send(call)
                return
        if self.connections < self.size:
            self._open_for(call)
        else:
            call.queued = True
            self._waiting.append(call)

    def expire(self, call: Call) -> None:
        """Give `call` up. Its connection is closed, since the answer may still come."""
        connection = call.connection
        call.finish(TIMEOUT)
        if connection is not None:
            connection.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Drop all connections; calls that have not ended end as broken."""
        while (call := self._next_waiting()) is not None:
            call.finish(BROKEN)
        await asyncio.gather(*self._opening)
        for connection in self._live:
            connection.close()
        while self._live:
            await asyncio.sleep(0.001)

    def release(self, connection: "_Connection") -> None:
        """`connection` has no call any more and may take one."""
        call = self._next_waiting()
        if call is None:
            self._idle.append(connection)
        else:
            connection.send(call)

    def opened(self, connection: "_Connection") -> None:
        """`connection` is there."""
        self._live.add(connection)

    def lost(self, connection: "_Connection") -> None:
        """`connection` is closed; a waiting call gets a new one."""
        self._live.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._one_less()

    def _one_less(self) -> None:
        self.connections -= 1
        call = self._next_waiting()
        if call is not None:
            self._open_for(call)

    def _next_waiting(self) -> Call | None:
        while self._waiting:
            call = self._waiting.popleft()
            if call.status == PENDING:
                return call
        return None

    def _open_for(self, call: Call) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._open(call))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, call: Call) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self), self.address.host, self.address.port
                )
        except OSError:
            if call.status == PENDING:
                call.finish(BROKEN)
            self._one_less()
            return
        if call.status != PENDING:
            self.release(connection)
        elif connection.usable:
            connection.send(call)
        else:
            call.finish(BROKEN)


class _Connection(asyncio.Protocol):
    """One connection; at most one call is in flight on it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._call: Call | None = None
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none, but acts like one
        self._pool.opened(self)

    @property
    def usable(self) -> bool:
        return not self._transport.is_closing()

    def send(self, call: Call) -> None:
        self._call = call
        call.connection = self
        self._transport.write(call.payload)
        call.sent = time.monotonic()

    def abort(self) -> None:
        """Close at once, and forget the call in flight."""
        self._call = None
        self._transport.abort()

    def close(self) -> None:
        """Close at once; a call in flight ends as broken."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        call, self._call = self._call, None
        body, self._parts = b"".join(self._parts), []
        if call is None:  # an answer to nothing: the server is out of step
            self._transport.abort()
            return
        call.finish(self._parser.get_status_code(), body)
        if self._parser.should_keep_alive():
            self._pool.release(self)
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.finish(BROKEN)
        self._pool.lost(self)
