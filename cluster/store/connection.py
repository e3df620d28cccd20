"""A connection to a store, whose failures are one kind of error and open one breaker."""

from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cluster.store.breaker import Breaker

T = TypeVar("T")


class Connection:
    """One connection that all tasks of one event loop share, made when first used and again after a failure.

    A call that takes longer than `timeout_s` raises StoreUnavailable and closes the connection.
    """

    def __init__(self, url: str, timeout_s: float, breaker: Breaker) -> None:
        self.redis = connect(url, timeout_s)
        self._breaker = breaker

    async def outcome(self, answer: Awaitable[T]) -> T:
        """The answer to a command; the breaker learns whether there was one. Raises StoreUnavailable."""
        try:
            result = await answer
        except redis.TimeoutError as error:
            raise self._breaker.failed(str(error), timeout=True) from error
        except (redis.ConnectionError, OSError) as error:
            raise self._breaker.failed(str(error)) from error
        except redis.RedisError as error:
            raise self._breaker.refused(str(error)) from error
        self._breaker.succeeded()
        return result

    async def close(self) -> None:
        """Give it back; a store that does not answer is not waited for."""
        with suppress(redis.RedisError, OSError):
            await self.redis.aclose()


def connect(url: str, timeout_s: float) -> redis.asyncio.Redis:
    """A client of the store at `url`. RESP2 needs no handshake; retries are ours alone."""
    return redis.asyncio.Redis.from_url(
        url,
        protocol=2,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
    )
