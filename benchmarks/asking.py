"""One request at a time, beside a load: asked, and awaited."""

import asyncio
import time

from benchmarks.http_client import Call, Pool


class _Awaited(Call):
    """A call that tells when it has ended."""

    __slots__ = ("ended",)

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload, time.monotonic())
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def finish(self, status: int, body: bytes = b"") -> None:
        super().finish(status, body)
        if not self.ended.done():
            self.ended.set_result(None)


async def ask(pool: Pool, payload: bytes, timeout: float) -> Call:
    """The call with its end: answered, broken, or given up after `timeout` seconds."""
    call = _Awaited(payload)
    pool.submit(call)
    try:
        async with asyncio.timeout(timeout):
            await asyncio.shield(call.ended)
    except TimeoutError:
        pool.expire(call)
    return call
