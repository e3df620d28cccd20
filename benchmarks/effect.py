"""How long an event takes from its acknowledgement to its effect: until the user's state shows it."""

import asyncio
import time
from typing import Final, Self
from uuid import uuid4

import msgspec
import numpy as np

from benchmarks.asking import ask
from benchmarks.event_batches import EVENTS
from benchmarks.histogram import Percentiles, percentiles
from benchmarks.http_client import Address, Pool
from cluster.ending import end
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore
from cluster.user_state import unpack
from kernels.columns import I64

#: Events that are watched, a second.
WATCHED_PER_S: Final = 10.0
#: How often the state is looked at: at first each FIRST_S seconds, and then whenever SHARE more time has passed.
FIRST_S: Final = 0.001
SHARE: Final = 0.05
#: Seconds after which an effect is given up.
PATIENCE_S: Final = 10.0


class Effect(msgspec.Struct, frozen=True):
    """Times are right to a millisecond or 5 %, whichever is more."""

    watched: int
    """Events that were acknowledged and watched."""
    missing: int
    """Of these, how many had no effect within PATIENCE_S seconds; they are not in the times."""
    ms: Percentiles


class EffectWatch:
    """Sends an impression now and then for the time of an `async with`, and waits for each in its user's history."""

    def __init__(self, address: Address, store: OnlineStore, users: I64, posts: I64, rng: np.random.Generator) -> None:
        self._address = address
        self._pool = Pool(address, 64)
        self._store = store
        self._users = users
        self._posts = posts
        self._rng = rng
        self._waits: list[float] = []  # NaN: in vain
        self._watching: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._send())
        return self

    async def __aexit__(self, *_: object) -> None:
        """What is on its way is waited for."""
        await end(self._task)
        await asyncio.gather(*self._watching)
        await self._pool.__aexit__()

    @property
    def effect(self) -> Effect:
        """What was seen so far."""
        waits = np.array(self._waits, np.float64)
        seen = waits[~np.isnan(waits)]
        return Effect(len(waits), len(waits) - len(seen), percentiles(seen))

    async def _send(self) -> None:
        while True:
            await asyncio.sleep(self._rng.exponential(1 / WATCHED_PER_S))
            task = asyncio.create_task(self._watch(int(self._rng.choice(self._users))))
            self._watching.add(task)
            task.add_done_callback(self._watching.discard)

    async def _watch(self, user: int) -> None:
        before = await self._history(user)
        post = int(self._rng.choice(self._posts))
        while post in before:
            post = int(self._rng.choice(self._posts))
        event = {"event_id": uuid4().hex, "user_id": user, "action": "impression", "post_id": post}
        answer = await ask(self._pool, self._address.post(EVENTS, msgspec.json.encode(event)), PATIENCE_S)
        if answer.status != 200:
            return  # refused: the load itself counts that
        while post not in await self._history(user):
            waited = time.monotonic() - answer.done
            if waited > PATIENCE_S:
                self._waits.append(float("nan"))
                return
            await asyncio.sleep(max(FIRST_S, SHARE * waited))
        self._waits.append(time.monotonic() - answer.done)

    async def _history(self, user: int) -> set[int]:
        """Posts in the user's history, as far as the store tells."""
        try:
            blob = await self._store.read_user(user)
        except StoreUnavailable:
            return set()
        return set() if blob is None else set(unpack(blob).events["post_id"].tolist())
