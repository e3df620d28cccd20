"""The replicas of one deployment, of which any may answer."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import numpy as np

from cluster.errors import Unreachable
from deployments.channel.peer import Late, Peer

#: Answers by which it is judged what is late, and how many must have come before that.
KEPT: Final = 256
FIRST: Final = 32
#: Where an answer takes longer than this share of the last ones, a second replica is asked
#: (Dean and Barroso, "The Tail at Scale", CACM 2013).
PERCENTILE: Final = 95
#: After so many questions in a row without an answer in time nobody waits any more, but for one question now and then.
LATE: Final = 3
RETRY_S: Final = 0.5
Fallback = Callable[[bytes], Awaitable[bytes]]


class Group:
    """Asks the least busy replica; another one at once when the connection breaks, and when it is late."""

    def __init__(self, name: str, token: bytes, fallback: Fallback | None = None) -> None:
        """`fallback`: how to ask replicas of which none could ever be connected to, as through a firewall.

        Those that were connected and are no more are gone: they cannot be asked otherwise either.
        """
        self.name = name
        self._token = token
        self._fallback = fallback
        self._peers: dict[str, Peer] = {}
        self._seconds: deque[float] = deque(maxlen=KEPT)
        self._late_s = float("inf")
        self._asked = 0
        self._lates = 0  # in a row
        self._retry_at = 0.0  # time.monotonic()
        #: Questions that were asked a second time: because an answer was late, and because there was none.
        self.hedged = self.failed_over = 0

    @property
    def connected(self) -> list[Peer]:
        return [peer for peer in self._peers.values() if peer.connected]

    async def update(self, addresses: Collection[str]) -> None:
        """Have connections to the replicas at `addresses`, and to no others. On the running event loop."""
        for address in set(addresses) - self._peers.keys():
            self._peers[address] = peer = Peer(address, self._token)
            peer.start()
        for address in self._peers.keys() - set(addresses):
            await self._peers.pop(address).close()

    async def close(self) -> None:
        await self.update(())

    async def ask(self, question: bytes, timeout_s: float) -> bytes:
        """The first answer of a replica. Raises Unreachable where there is none in time, or none is expected."""
        self._admit()
        try:
            answer = await self._ask(question, timeout_s)
        except Late:
            self._lates += 1
            raise
        self._lates = 0
        return answer

    def _admit(self) -> None:
        """Raises Unreachable while replicas do not answer in time, so that not everybody waits for them in vain."""
        if self._lates >= LATE:
            now = time.monotonic()
            if now < self._retry_at:
                raise Unreachable(f"{self.name} has not answered in time")
            self._retry_at = now + RETRY_S

    async def _ask(self, question: bytes, timeout_s: float) -> bytes:
        begun = time.perf_counter()
        left = self._by_load()
        if not left:
            return await self._ask_otherwise(question, timeout_s)
        waiting = {left.pop(0).ask(question)}
        failed: BaseException | None = None
        try:
            while waiting:
                spent = time.perf_counter() - begun
                hedge_s = self._late_s if len(waiting) == 1 and left else float("inf")
                patience_s = min(hedge_s, timeout_s) - spent
                done, waiting = await asyncio.wait(
                    waiting, timeout=max(0.0, patience_s), return_when=asyncio.FIRST_COMPLETED
                )
                answered = [answer for answer in done if answer.exception() is None]
                if answered:
                    self._note(time.perf_counter() - begun)
                    return answered[0].result()
                for answer in done:
                    failed = answer.exception()
                if not done and time.perf_counter() - begun >= timeout_s:
                    raise Late(f"{self.name} did not answer within {timeout_s * 1e3:.0f} ms")
                if left and (not done or not waiting):
                    self.hedged += not done
                    self.failed_over += bool(done)
                    waiting.add(_asked(left.pop(0), question))
        finally:
            for answer in waiting:
                answer.cancel()
        raise failed or Unreachable(f"{self.name} has no answer")

    async def ask_all(self, question: bytes, timeout_s: float) -> list[bytes]:
        """The answer of every replica that is connected. Raises Unreachable where there is none, or one fails."""
        peers = self.connected
        if not peers:
            raise Unreachable(f"nobody of {self.name} is there")
        async with asyncio.timeout(timeout_s):
            return await asyncio.gather(*(_asked(peer, question) for peer in peers))

    def _by_load(self) -> list[Peer]:
        return sorted(self.connected, key=lambda peer: (peer.in_flight, random.random()))

    async def _ask_otherwise(self, question: bytes, timeout_s: float) -> bytes:
        if self._fallback is None or not self._peers or any(peer.reached for peer in self._peers.values()):
            raise Unreachable(f"nobody of {self.name} is there")
        try:
            async with asyncio.timeout(timeout_s):
                return await self._fallback(question)
        except TimeoutError:
            raise Late(f"{self.name} did not answer within {timeout_s * 1e3:.0f} ms") from None

    def _note(self, seconds: float) -> None:
        self._seconds.append(seconds)
        self._asked += 1
        if self._asked % FIRST == 0:
            self._late_s = float(np.percentile(self._seconds, PERCENTILE))


def _asked(peer: Peer, question: bytes) -> "asyncio.Future[bytes]":
    """As `Peer.ask`; a connection that has broken meanwhile is a failed answer too."""
    try:
        return peer.ask(question)
    except Unreachable as error:
        failed: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        failed.set_exception(error)
        return failed
