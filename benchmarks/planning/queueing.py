"""How long feeds wait in feed servers that are as busy as so: one law, fitted to what was measured."""

import math
from dataclasses import dataclass
from typing import Final, Self

from benchmarks.planning.costs import FeedPoint, Feeds
from cluster.errors import InvalidField

#: Where there is one point only, its rate is taken as this share of all that the machine could do.
ONE_POINT: Final = 0.9
#: A point says how waiting grows if its rate is at most this share of the highest one.
APART: Final = 0.8
#: Below this share nobody in a hundred waits.
IDLE: Final = 0.0101


@dataclass(frozen=True, slots=True)
class Queue:
    """One feed server on one core, among others between which the load is balanced. Times in seconds.

    At load rho, its share of time busy, a wait is exponential in heavy traffic (Kingman 1961): P(W > t) =
    rho exp(-t (1 - rho) / `wait`), so on average rho `wait` / (1 - rho). `service` is the core's time of a feed,
    everything that goes with it included.
    """

    service: float
    wait: float
    most: float
    """Highest load that was measured: the law is not trusted beyond it."""

    @classmethod
    def fit(cls, feeds: Feeds) -> Self:
        """The queue that explains the highest point and one at a clearly lower rate, if there is one.

        p99 is about proportional to 1 / (1 - rho), so two points tell how much the machine could do at most.
        """
        points = sorted(feeds.points, key=lambda point: point.feeds_per_s)
        high = points[-1]
        low = [p for p in points if p.feeds_per_s <= APART * high.feeds_per_s and p.p99_ms < high.p99_ms]
        most = _most(low[-1], high) if low else high.feeds_per_s / ONE_POINT
        service, rho = feeds.cores / most, high.feeds_per_s / most
        waited = max(high.p99_ms / 1e3 - service, service)
        return cls(service, waited * (1 - rho) / math.log(100 * rho), rho)

    def with_work(self, seconds: float) -> Self:
        """The same where every feed takes so much longer."""
        service = self.service + seconds
        return type(self)(service, self.wait * service / self.service, self.most)

    def p99(self, rho: float) -> float:
        """Longest time of 99 of 100 feeds."""
        return self.service + (self.wait * math.log(100 * rho) / (1 - rho) if rho > IDLE else 0.0)

    def highest_load(self, p99: float) -> float:
        """The highest load, within what was measured, at which p99 is kept; 0 if none."""
        if self.p99(self.most) <= p99:
            return self.most
        low, high = 0.0, self.most
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.p99(middle) <= p99 else (low, middle)
        return low

    def ongoing(self, rho: float) -> float:
        """Feeds in one server, waiting or not, by Little's law."""
        return rho + rho * rho * self.wait / self.service / (1 - rho)

    def load(self, ongoing: float) -> float:
        """Inverse of `ongoing`."""
        rest = 1 - self.wait / self.service
        total = 1 + ongoing
        return 2 * ongoing / (total + math.sqrt(total * total - 4 * rest * ongoing))

    def step(self, ongoing: float, arrivals: float, seconds: float) -> tuple[float, float]:
        """Feeds in one server after `seconds` in which so many arrived, and how many of them it has answered.

        Answers leave at the rate that goes with how many are there (the fluid-flow approximation of Tipper and
        Sundareshan, 1990): d ongoing / dt = arrivals/s - load(ongoing) / service, as one implicit step in closed form.
        """
        work = seconds / self.service
        there = ongoing + arrivals
        total = 1 + work + there
        rest = 1 + work - self.wait / self.service
        rho = 2 * there / (total + math.sqrt(total * total - 4 * rest * there))
        answered = min(there, work * rho)
        return there - answered, answered

    def late(self, ongoing: float, limit: float) -> float:
        """Share of feeds that take longer than `limit` while so many are in the server.

        All, once those before them take as long: then it is a backlog, and no longer a matter of chance.
        """
        if ongoing <= 0:
            return 0.0
        if max(ongoing, 1) * self.service >= limit:
            return 1.0
        rho = self.load(ongoing)
        mean_wait = (ongoing / rho - 1) * self.service
        return rho * math.exp(-rho * (limit - self.service) / mean_wait) if mean_wait > 0 else 0.0


def check_p99(feeds: Feeds, p99_ms: float) -> None:
    """Raises InvalidField for an objective that nothing measured has met."""
    best = min(feeds.points, key=lambda point: point.p99_ms)
    if not best.p99_ms <= p99_ms < math.inf:
        told = f"must be at least {best.p99_ms:g}, the p99 at {best.feeds_per_s:g} feeds/s, lowest of what was measured"
        raise InvalidField("--p99-ms", p99_ms, f"{told}; give --costs a report of `cascade bench serve` at lower rates")


def _most(low: FeedPoint, high: FeedPoint) -> float:
    """Feeds/s at which p99 would be without bounds."""
    grown = high.p99_ms * high.feeds_per_s - low.p99_ms * low.feeds_per_s
    return grown / (high.p99_ms - low.p99_ms)
