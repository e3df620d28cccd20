"""Reading users' state alone: what the state stage of a feed costs without a feed around it."""

import msgspec
import numpy as np

from benchmarks.answers import read_nothing
from benchmarks.direct import Direct
from benchmarks.load import Schedule, open_loop
from benchmarks.point import Point, summarise
from cluster.settings import Store
from cluster.store.client import OnlineStore
from kernels.columns import I64


class StateReads(msgspec.Struct, frozen=True):
    """Open-loop reads of single users through `OnlineStore`, from this process."""

    quiet: Point
    busy: Point | None
    """With events flowing beside; None when that was not asked for."""


async def read_states(url: str, settings: Store, users: I64, schedule: Schedule) -> Point:
    """Read users drawn from `users` as `schedule` says."""

    def draw(n: int, rng: np.random.Generator) -> list[bytes]:
        return [b"%d" % user for user in rng.choice(users, n).tolist()]

    async with OnlineStore(url, settings) as store:
        trace = await open_loop(Direct(lambda user: store.read_user(int(user))), draw, schedule)
    return summarise(trace, read_nothing(trace.bodies))
