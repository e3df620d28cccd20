"""`cascade bench overload`: three times the goodput for a minute, and what a server makes of it."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import uvloop
from cyclopts import Parameter
from rich.console import Console

from benchmarks.answers import read_feeds
from benchmarks.documents.overload import overload_document
from benchmarks.histogram import percentiles
from benchmarks.http_client import Pool
from benchmarks.load import Schedule, open_loop
from benchmarks.machine import describe
from benchmarks.measurement import Measurement, Target
from benchmarks.overload_report import OverloadReport, tables
from benchmarks.running import find_feeds
from benchmarks.surge import Surge, bars, by_second, phases, recovery_s
from benchmarks.sweep import HIGHEST, find_goodput
from benchmarks.telling import Dated, tell
from benchmarks.users import FeedRequests
from cluster.errors import CascadeError, InvalidField

#: Seconds of each point of the search for the goodput, and of its warm-up.
POINT_S: Final = 6.0
WARM_UP_S: Final = 2.0
#: A request is given up after this many deadlines.
TIMEOUT_DEADLINES: Final = 10


def overload(
    *,
    address: str | None = None,
    peak: float | None = None,
    times: float = 3.0,
    seconds: float = 60.0,
    quiet: float = 15.0,
    deadline_ms: float = 200.0,
    seed: int = 0,
    users: Path | None = None,
    limit: int = 50,
    connections: int = 1024,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
    dated: Dated = False,
) -> None:
    """Several times the goodput on POST /v1/feed, between quieter phases. The last line is one JSON document.

    Parameters
    ----------
    address
        Where the server listens; by default that of `cascade up`.
    peak
        Its goodput in requests per second; by default it is searched for.
    times
        The overload, in goodputs.
    seconds
        Length of the overload.
    quiet
        Seconds of the goodput before it, and of half the goodput after it.
    deadline_ms
        The server's deadline for requests, and the objective for p99.
    seed
        Seed of arrivals and users.
    users
        Parquet file with a column user_id, or folder of a data set; by default the users of the server's release.
    limit
        Posts per feed.
    connections
        Most connections to the server.
    as_json
        Print the JSON document only.
    out
        File that gets the document too.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    requests, run = find_feeds(address, users, limit)
    if peak is not None and not 1 <= peak * times <= HIGHEST:
        raise InvalidField("peak", peak, f"must be 1 to {HIGHEST / times:g} requests per second")
    surge = Surge(
        rate=peak or 0.0,
        seconds=seconds,
        warmup=0.0,
        timeout=TIMEOUT_DEADLINES * deadline_ms / 1e3,
        seed=seed,
        quiet=quiet,
        times=times,
    )
    report = uvloop.run(_measure(requests, surge, connections, deadline_ms, run.release if run else None))
    tell(report, None if as_json else tables(report), out, overload_document(report) if dated else None)


async def _measure(
    requests: FeedRequests, surge: Surge, connections: int, deadline_ms: float, release: str | None
) -> OverloadReport:
    machine, say = describe(), Console(stderr=True).print
    async with Pool(requests.address, connections) as pool:
        target = Target("feeds", pool, requests.draw, lambda bodies: read_feeds(bodies, requests.limit))
        schedule = Schedule(1.0, POINT_S, WARM_UP_S, surge.timeout, surge.seed)
        measurement = Measurement(target, schedule, say)

        async def meets(rate: float) -> bool:
            return (await measurement.point(rate)).meets(deadline_ms)

        peak = surge.rate or await find_goodput(meets)
        if not peak:
            raise CascadeError("the server has no goodput: it does not keep up with one request per second")
        surge = replace(surge, rate=peak)
        await measurement.rest()
        say(f"{peak:g}/s, {surge.times:g} times as many for {surge.seconds:g} s, and half ...")
        trace = await open_loop(pool, requests.draw, surge)
    found, each = phases(trace, surge, deadline_ms), by_second(trace, deadline_ms)
    recovered = recovery_s(each, surge.quiet + surge.seconds, deadline_ms)
    judged = bars(found, recovered, peak, deadline_ms)
    return OverloadReport(
        benchmark="overload",
        machine=machine,
        address=requests.address.url,
        release=release,
        deadline_ms=deadline_ms,
        peak_rps=peak,
        times=surge.times,
        phases=found,
        recovery_s=recovered,
        bars=judged,
        passed=all(bar.met for bar in judged),
        waited=int(trace.queued.sum()),
        lag_p99_ms=percentiles(trace.lag).p99,
        seconds=each,
    )
