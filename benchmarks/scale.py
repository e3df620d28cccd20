"""`cascade bench scale`: what feeds cost by posts, candidates and feed servers; each case served by itself."""

import tempfile
import time
from pathlib import Path
from typing import Annotated, Final

import uvloop
from cyclopts import Parameter
from rich.console import Console

from benchmarks.compare_report import ComparePlan
from benchmarks.contenders.contender import running
from benchmarks.contenders.registry import CONTENDERS, REFERENCE
from benchmarks.contenders.stores import filled_ground
from benchmarks.documents.scale import scale_document
from benchmarks.footprint import parse_sizes
from benchmarks.http_client import Address
from benchmarks.larger_release import enlarge
from benchmarks.machine import describe
from benchmarks.process_tree import memory_mb, tree
from benchmarks.running import find_run
from benchmarks.scale_cases import Case, cases
from benchmarks.scale_report import Report, Scaled, table
from benchmarks.serve import parse_rates
from benchmarks.telling import Dated, tell
from benchmarks.turn import TurnMeasurement
from benchmarks.users import FeedRequests, read_user_ids
from cluster.environment import environment
from cluster.errors import CascadeError, InvalidField
from cluster.live_release import LiveFile
from cluster.release import Release, Releases
from cluster.settings import load_settings
from training.data.dataset import DataSet
from training.data.ensure import ensure_dataset

LIMIT: Final = 50
CONNECTIONS: Final = 512
NOT_REPORTED: Final = [
    "users: a request reads one of them, however many there are; `cascade bench footprint` weighs them",
    "posts with vectors of their own training: those beyond the release's are copies with noise",
]


def scale(
    *,
    posts: str = "auto",
    candidates: str = "1,0.5,2",
    replicas: str = "2,1",
    p99_ms: float = 200.0,
    rate: float = 50.0,
    seconds: float = 6.0,
    warmup: float = 2.0,
    seed: int = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    out: Path | None = None,
    dated: Dated = False,
) -> None:
    """Serve the live release, then with more posts, other numbers of candidates, and other numbers of feed servers.

    The first of each list goes with the others of the other lists. The last line is one JSON document.

    Parameters
    ----------
    posts
        Sizes of the catalogue, as 7583,1000000; `auto` is the release's own, 100,000 and 1,000,000.
    candidates
        Times as many candidates from each source, and in each step.
    replicas
        Feed servers.
    p99_ms
        The bound of the goodput.
    rate
        Requests per second at which CPU is compared.
    seconds
        Length of each point.
    warmup
        Seconds of load before each point that do not count.
    seed
        Seed of arrivals and users.
    as_json
        Print the JSON document only.
    out
        File that gets the document too.
    dated
        Write a dated report too, in `benchmarks/reports/`.
    """
    settings = load_settings()
    if find_run(None) is not None:
        raise CascadeError("Cascade is up, and would take its share of the machine", "stop it with `cascade down`")
    release = Releases(settings.releases).get(LiveFile(settings.releases).need().live)
    dataset = ensure_dataset(settings)
    own = release.manifest.metrics["index"]["posts"]
    sizes = [own, 100_000, 1_000_000] if posts == "auto" else parse_sizes(posts)
    if min(sizes) < own:
        raise InvalidField("posts", posts, f"must be at least {own} each, as many as the release has")
    counts = parse_sizes(replicas, "replicas")
    plan = ComparePlan(
        release=release.name,
        dataset=str(dataset.folder),
        users=0,
        contenders=[REFERENCE],
        workers=counts[0],
        p99_ms=p99_ms,
        rate=rate,
        seconds=seconds,
        warmup=warmup,
        rounds=1,
        seed=seed,
        limit=LIMIT,
        connections=CONNECTIONS,
    )
    machine, measured = describe(), Scaling(plan, release, dataset, Console(stderr=True))
    chosen = cases(sizes, parse_rates(candidates, "candidates"), counts)
    report = Report("scale", machine, plan, [measured.of(case) for case in chosen], NOT_REPORTED)
    tell(report, None if as_json else table(report), out, scale_document(report) if dated else None)


class Scaling:
    """Serves and measures cases of one release."""

    def __init__(self, plan: ComparePlan, release: Release, dataset: DataSet, console: Console) -> None:
        self._plan = plan
        self._release = release
        self._dataset = dataset
        self._users = read_user_ids(dataset.folder)
        self._say = console.print

    def of(self, case: Case) -> Scaled:
        """Start a Cascade of its own for the case, and measure it. Raises CascadeError when it does not start."""
        self._say(f"{case.posts:,} posts, {case.candidates:g}x candidates, {case.replicas} feed servers:")
        quotas = load_settings().quotas
        with tempfile.TemporaryDirectory(prefix="scale-") as home:
            found = enlarge(self._release, Releases(Path(home) / "releases"), case.posts)
            ours = {"CASCADE_HOME": home, "CASCADE_DATA": str(self._dataset.folder.resolve())}
            with (
                environment(ours | case.environment(quotas)),
                filled_ground(load_settings(), self._dataset) as (ground, stores),
            ):
                begun = time.monotonic()
                with running(CONTENDERS[REFERENCE], ground) as process:
                    start_s = round(time.monotonic() - begun, 1)
                    requests = FeedRequests(Address.parse(ground.url), self._users, LIMIT)
                    measurement = TurnMeasurement(self._plan, requests, (process, stores), self._say)
                    figures = uvloop.run(measurement.run(True, None))
                    memory = round(memory_mb(tree([process, *stores])), 1)
        recall = found.manifest.metrics["index"]["recall_at_300"]
        return Scaled(case=case, recall=recall, start_s=start_s, figures=figures, memory_mb=memory)
