"""The turns of `cascade bench compare`: each contender is started, asked, measured and stopped by itself."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import psutil
import uvloop

from benchmarks.compare_report import ComparePlan, CompareReport, Turn, compared, standing, times_the_goodput
from benchmarks.compute import WARM_UP, Compute, measure_compute
from benchmarks.contenders.contender import Contender, running
from benchmarks.contenders.ground import Ground
from benchmarks.machine import Machine
from benchmarks.process_tree import memory_mb, tree
from benchmarks.same_feeds import Agreement, Asking, agreement, ask
from benchmarks.turn import TurnMeasurement
from benchmarks.users import FeedRequests
from cluster.errors import CascadeError

#: Feeds of the compute measurement, and those by which contenders are found to answer the same.
COMPUTED: Final = 300
COMPARED: Final = 20


class Comparison:
    """Measures contenders on `ground`. `stores` are the processes of both stores; `say` is told what is being done."""

    def __init__(
        self,
        plan: ComparePlan,
        ground: Ground,
        requests: FeedRequests,
        stores: Sequence[psutil.Process],
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._ground = ground
        self._requests = requests
        self._stores = stores
        self._say = say
        users = np.random.default_rng(plan.seed).choice(requests.users, COMPARED).tolist()
        self._asking = Asking(users, ground.clock.now_ms(), plan.limit, plan.release)
        self._reference: list[list[int]] | None = None
        self._goodput: dict[str, float] = {}
        self._not_reported = ["surfaces but home", "servers on other machines than the load generator"]

    def run(self, contenders: Sequence[Contender], machine: Machine, *, compute: bool) -> CompareReport:
        """Measure all, then all in reversed order, and so on. What cannot be measured is named in the report."""
        computes = [self._compute()] if compute else []
        turns: list[Turn] = []
        for contender, numbers in in_turn(contenders, self._plan.rounds):
            try:
                turns.extend(self._turns(contender, numbers))  # those before a failure stay
            except CascadeError as error:
                self._say(f"  without {contender.name}: {error}")
                rounds = " and ".join(map(str, numbers))
                self._not_reported.append(f"{contender.name}, round {rounds}: {error}")
        computes += [self._compute()] if compute else []
        by_name = {c.name: (c, [turn for turn in turns if turn.contender == c.name]) for c in contenders}
        standings = compared([standing(c.name, c.about, its, self._plan.p99_ms) for c, its in by_name.values() if its])
        cpu_ms = np.mean([each.cpu_ms for each in computes]) if computes else None
        return CompareReport(
            benchmark="compare",
            machine=machine,
            plan=self._plan,
            standings=standings,
            times_the_goodput=times_the_goodput(standings),
            compute=computes,
            ceiling_rps=None if cpu_ms is None else round(float(machine.cores * 1e3 / cpu_ms), 1),
            turns=turns,
            not_reported=self._not_reported,
        )

    def _turns(self, contender: Contender, rounds: Sequence[int]) -> Iterator[Turn]:
        """Start, measure in each of `rounds`, stop. Raises CascadeError when it does not start or answer."""
        self._say(f"{contender.name}: starting ...")
        begun = time.monotonic()
        with running(contender, self._ground) as process:
            start_s = round(time.monotonic() - begun, 1)
            for number in rounds:
                yield self._turn(contender, number, process, start_s)

    def _turn(self, contender: Contender, number: int, process: psutil.Process, start_s: float) -> Turn:
        self._say(f"{contender.name}, round {number}:")
        same = self._agreement() if contender.makes_feeds else None
        measurement = TurnMeasurement(self._plan, self._requests, (process, self._stores), self._say)
        figures = uvloop.run(measurement.run(contender.makes_feeds, self._goodput.get(contender.name)))
        self._goodput[contender.name] = figures.goodput_rps(self._plan.p99_ms) or 0.0
        return Turn(contender.name, number, start_s, same, figures, round(memory_mb(tree([process])), 1))

    def _agreement(self) -> Agreement:
        """How feeds compare with those of who answered first."""
        self._say(f"  the same {COMPARED} feeds ...")
        ask(self._ground.url, self._asking)  # the first ones may be late, for kernels are compiled for them
        found = ask(self._ground.url, self._asking)
        if self._reference is None:
            self._reference = found
        return agreement(self._reference, found)

    def _compute(self) -> Compute:
        self._say(f"compute, {COMPUTED} feeds without HTTP ...")
        bodies = self._requests.bodies(WARM_UP + COMPUTED, np.random.default_rng(self._plan.seed))
        return measure_compute(bodies, self._ground.environment)


def in_turn(contenders: Sequence[Contender], rounds: int) -> list[tuple[Contender, list[int]]]:
    """All in order, then all in reversed order, and so on, with the numbers of their rounds, from 1.

    Who ends a round begins the next one, and need not be started again.
    """
    order: list[tuple[Contender, list[int]]] = []
    for number in range(1, rounds + 1):
        for contender in contenders if number % 2 else reversed(contenders):
            if order and order[-1][0] is contender:
                order[-1][1].append(number)
            else:
                order.append((contender, [number]))
    return order
