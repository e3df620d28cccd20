"""Small HTTP servers with known behaviour, each on a loop and a thread of its own."""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from aiohttp import web

from benchmarks.http_client import Address
from cluster.processes.run_state import ProcessId, Run
from cluster.wire import FeedResponse, Item

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def feed(
    items: int = 50, degraded: tuple[str, ...] = (), cold_start: bool = False, scoring_ms: float = 0.9
) -> FeedResponse:
    """A feed as the real server writes it."""
    return FeedResponse(
        request_id="r",
        release="2022-05-04",
        items=[Item(i, i + 1, 1.5, {"like": 0.04}, ["long_term"]) for i in range(items)],
        cold_start=cold_start,
        degraded=list(degraded),
        relaxed=[],
        coverage=1.0,
        timings_ms={"scoring": scoring_ms, "total": 3.0},
    )


FEED = msgspec.json.encode(feed())


def answers(body: bytes = FEED, status: int = 200, delay: float = 0.0) -> Handler:
    """Each request gets the same answer after `delay` seconds."""

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        if delay:
            await asyncio.sleep(delay)
        return web.Response(body=body, status=status, content_type="application/json")

    return handle


@dataclass
class Stalling:
    """Answers at once, but for `seconds` from `after` seconds past its `nth` request it holds every answer back."""

    seconds: float
    after: float
    nth: int = 1
    requests: int = 0
    begin: float = float("inf")

    @property
    def end(self) -> float:
        return self.begin + self.seconds

    async def handle(self, request: web.Request) -> web.Response:
        await request.read()
        self.requests += 1
        if self.requests == self.nth:
            self.begin = time.monotonic() + self.after
        if self.begin <= time.monotonic() < self.end:
            await asyncio.sleep(self.end - time.monotonic())
        return web.Response(body=FEED, content_type="application/json")


@contextmanager
def serving(handler: Handler, port: int = 0) -> Iterator[Address]:
    """Serve every path and method by `handler` for the time of a `with`, on a free port by default."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)

    async def start() -> Address:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
        await site.start()
        return Address("127.0.0.1", runner.addresses[0][1])

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def run_at(url: str, dataset: str = "", *, store_url: str = "", events_url: str = "") -> Run:
    """A `cascade up` that is this very process and listens at `url`."""
    return Run(
        up=ProcessId.of(os.getpid()),
        store_url=store_url,
        store=None,
        events_url=events_url,
        events=None,
        clock_offset_ms=0,
        ray_address="127.0.0.1:1",
        ray_folder=None,
        http_address=url,
        release="2022-05-04",
        dataset=dataset,
        started_at="",
    )
