"""A replica in simulated time: a real event loop and the real admission, on a clock that only arithmetic moves."""

import asyncio
import heapq
from dataclasses import dataclass, field

from cluster.serving import Serving
from deployments.admission.admission import Admission, TooBusy


@dataclass
class Outcome:
    """Seconds from the arrival on, and what became of the request."""

    at: float
    seconds: float
    reason: str | None = None
    quality: float = 1.0


@dataclass
class Server:
    """Requests arrive at given times; each feed takes `service_s`, in `pieces`, times its quality."""

    service_s: float
    pieces: int = 5
    serving: Serving = field(default_factory=Serving)
    deadline_s: float = 0.2
    now: float = 0.0

    def __post_init__(self):
        self.admission = Admission(self.serving, lambda: self.now)
        self.outcomes = []
        self._looked = 0.0

    def run(self, arrivals):
        """Answer or refuse requests that arrive at these seconds."""
        asyncio.run(self._run(sorted(arrivals)))
        return self.outcomes

    async def _run(self, arrivals):
        heapq.heapify(arrivals)
        tasks = set()
        while arrivals or tasks:
            tasks = {task for task in tasks if not task.done()}
            while arrivals and arrivals[0] <= self.now:
                tasks.add(asyncio.create_task(self._ask(heapq.heappop(arrivals))))
            if arrivals and not tasks:
                self.now = max(self.now, arrivals[0])
            if self.now - self._looked >= 0.2:
                self._looked = self.now
                self.admission.quality.look()
            await asyncio.sleep(0)

    async def _ask(self, at):
        quality = 1.0
        try:
            with self.admission.visit(self.deadline_s) as visit:
                quality = visit.quality
                await visit.run(self._feed(quality))
        except TooBusy as error:
            self.outcomes.append(Outcome(at, self.now - at, error.reason))
        else:
            self.outcomes.append(Outcome(at, self.now - at, None, quality))

    def _feed(self, quality):
        for _ in range(self.pieces):
            self.now += self.service_s * quality / self.pieces
            yield
