"""`cascade bench compare`: Cascade beside other servers of the same pipeline and release, one after the other."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from benchmarks.compare_benchmark import Comparison
from benchmarks.compare_report import ComparePlan, tables
from benchmarks.contenders.registry import CONTENDERS, chosen
from benchmarks.contenders.stores import filled_ground
from benchmarks.documents.compare import compare_document
from benchmarks.http_client import Address
from benchmarks.machine import describe
from benchmarks.running import find_run
from benchmarks.sweep import HIGHEST
from benchmarks.telling import Dated, tell
from benchmarks.users import FeedRequests, read_user_ids
from cluster.errors import CascadeError, InvalidField
from cluster.live_release import LiveFile
from cluster.settings import load_settings
from training.data.ensure import ensure_dataset


def compare(
    *,
    contenders: str = ",".join(CONTENDERS),
    p99_ms: float = 50.0,
    rate: float = 10.0,
    seconds: float = 4.0,
    warmup: float = 1.0,
    rounds: int = 2,
    seed: int = 0,
    limit: int = 50,
    connections: int = 512,
    compute: bool = True,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
    dated: Dated = False,
) -> None:
    """Each contender alone on this machine, on the stores and the live release of `cascade up`, which must not run.

    The last line is one JSON document.

    Parameters
    ----------
    contenders
        Which, in the order of the first round.
    p99_ms
        The bound: goodput is the highest rate with p99 latency below it, in milliseconds, and no error.
    rate
        Requests per second at which latency and CPU of all are compared.
    seconds
        Length of each point.
    warmup
        Seconds of load before each point that do not count.
    rounds
        Turns of each contender; every second round goes in reversed order.
    seed
        Seed of arrivals and users.
    limit
        Posts per feed.
    connections
        Most connections to a server.
    compute
        Measure the CPU time of a feed without HTTP and Ray, before and after.
    as_json
        Print the JSON document only.
    out
        File that gets the document too.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    who, settings = chosen(contenders), load_settings()
    for name, value, most in (("p99_ms", p99_ms, 60_000), ("rate", rate, HIGHEST), ("rounds", rounds, 100)):
        if not 0 < value <= most:
            raise InvalidField(name, value, f"must be above 0 and at most {most:g}")
    if find_run(None) is not None:
        raise CascadeError("Cascade is up, and would take its share of the machine", "stop it with `cascade down`")
    release, dataset = LiveFile(settings.releases).need().live, ensure_dataset(settings)
    users = read_user_ids(dataset.folder)
    plan = ComparePlan(
        release=release,
        dataset=str(dataset.folder),
        users=len(users),
        contenders=[contender.name for contender in who],
        workers=settings.serving.min_replicas,
        p99_ms=p99_ms,
        rate=rate,
        seconds=seconds,
        warmup=warmup,
        rounds=rounds,
        seed=seed,
        limit=limit,
        connections=connections,
    )
    machine = describe()
    with filled_ground(settings, dataset) as (ground, stores):
        requests = FeedRequests(Address.parse(ground.url), users, limit)
        comparison = Comparison(plan, ground, requests, stores, Console(stderr=True).print)
        report = comparison.run(who, machine, compute=compute)
    if not report.turns:
        raise CascadeError("none of them could be measured: " + "; ".join(report.not_reported), "see what they said")
    tell(report, None if as_json else tables(report), out, compare_document(report) if dated else None)
