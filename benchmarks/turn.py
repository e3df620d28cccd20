"""One turn of a contender: unloaded, at the rate that is the same for all, and the search for its goodput."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import psutil

from benchmarks.answers import read_feeds, read_nothing
from benchmarks.compare_report import ComparePlan, Figures, Measured
from benchmarks.http_client import Pool
from benchmarks.load import Schedule
from benchmarks.machine import usable_cores
from benchmarks.measurement import Measurement, Target
from benchmarks.process_tree import cpu_seconds, tree
from benchmarks.sweep import LOWEST, find_goodput
from benchmarks.users import FeedRequests

UNLOADED_RATE: Final = 1.0
#: The unloaded point lasts so many times as long as the others, for it has one request a second.
UNLOADED_LENGTH: Final = 2
#: A request is given up after so many seconds, whatever the bound.
TIMEOUT_S: Final = 2.0
#: The search begins at this share of what the CPU of a feed would allow, goes on by this ratio, and ends when it knows
#: the goodput to this one.
SHARE: Final = 0.6
HIGHEST_GUESS: Final = 1000.0
STEP: Final = 1.4
PRECISION: Final = 1.08


class TurnMeasurement:
    """Measures who answers at the address of `requests`."""

    def __init__(
        self,
        plan: ComparePlan,
        requests: FeedRequests,
        processes: tuple[psutil.Process, Sequence[psutil.Process]],
        say: Callable[[str], None],
    ) -> None:
        """`processes`: the contender's first one, and those of the stores."""
        self._plan = plan
        self._requests = requests
        self._contender, self._stores = processes
        self._say = say

    async def run(self, makes_feeds: bool, expected_rps: float | None) -> Figures:
        """All figures; the goodput only of a contender that makes feeds, searched for from `expected_rps` if known."""
        plan = self._plan
        schedule = Schedule(plan.rate, plan.seconds, plan.warmup, TIMEOUT_S, plan.seed)
        async with Pool(self._requests.address, plan.connections) as pool:
            read = partial(read_feeds, limit=plan.limit) if makes_feeds else read_nothing
            feeds = Measurement(Target("feeds", pool, self._requests.draw, read), schedule, self._say)
            unloaded = await self._measured(feeds, UNLOADED_RATE, plan.seconds * UNLOADED_LENGTH)
            common = await self._measured(feeds, plan.rate, plan.seconds)
            search: list[Measured] = []

            async def meets(rate: float) -> bool:
                search.append(await self._measured(feeds, rate, plan.seconds))
                return search[-1].point.meets(plan.p99_ms)

            # Who is too slow alone has no goodput. Of so few requests one slow answer, or a late one, says nothing.
            if makes_feeds and unloaded.point.latency_ms.p50 <= plan.p99_ms:
                begin = expected_rps or _guess(unloaded, common)
                await find_goodput(meets, max(LOWEST, float(round(begin))), STEP, PRECISION)
        return Figures(unloaded, common, search, makes_feeds)

    async def _measured(self, feeds: Measurement, rate: float, seconds: float) -> Measured:
        """A point, and what the processes used for it."""
        before, begun = self._cpu(), time.monotonic()
        point = await feeds.point(rate, seconds)
        after, wall = self._cpu(), time.monotonic() - begun
        requests = max(1, round(rate * (self._plan.warmup + seconds)))
        contender, stores = (b - a for a, b in zip(before, after, strict=True))
        return Measured(
            point=point,
            cores=round(contender / wall, 4),
            cpu_ms_per_feed=round(contender / requests * 1e3, 3),
            store_cpu_ms_per_feed=round(stores / requests * 1e3, 3),
        )

    def _cpu(self) -> tuple[float, float]:
        """CPU seconds of the contender, and of the stores."""
        return cpu_seconds(tree([self._contender])), cpu_seconds(tree(self._stores))


def _guess(unloaded: Measured, common: Measured) -> float:
    """A rate near the goodput, from what a further feed costs."""
    further = (common.cores - unloaded.cores) / max(1.0, common.point.rate - unloaded.point.rate)
    return min(HIGHEST_GUESS, SHARE * usable_cores() / max(further, 1e-6))
