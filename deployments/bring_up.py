"""`cascade up`: data, release, stores, Ray and the feed server, in that order, until it is told to stop."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from types import FrameType

import msgspec
import psutil
import ray
from ray import serve
from ray.exceptions import RayError
from rich.console import Console

from cluster.clock import Clock
from cluster.errors import CascadeError
from cluster.live_release import LiveFile, LiveRelease
from cluster.placement import Node, refuse_unplaceable
from cluster.processes.run_state import ProcessId, Run, read_run, remove_run, write_run
from cluster.ray_runtime import start_ray, start_serve
from cluster.release import Releases
from cluster.settings import Settings
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore
from cluster.store.release_board import ReleaseBoard
from cluster.store.urls import StoreUrls
from deployments.consumers.registry import consumer_specs
from deployments.consumers.specification import Context
from deployments.consumers.supervision import run_consumers
from deployments.distributed.application import needs_of
from deployments.feed_clock import keep_feed_clock
from deployments.feed_server import feed_application
from deployments.filling import fill
from deployments.grpc.calls import servicer_path
from deployments.rankers.refusing import refuse_missing
from deployments.seeding import seed_store
from deployments.stores import Stores, open_stores
from training.data.archive import BASE
from training.data.dataset import DataSet
from training.data.ensure import ensure_dataset
from training.data.progress import bars
from training.pipeline import ensure_release

#: Name of the Serve application.
APPLICATION = "cascade"
#: How long nodes of a cluster are waited for, in seconds: those of a cluster that was just launched are still to come.
NODES_S = 60.0
#: How often the stores that were started here are looked after, in seconds.
WATCH_S = 1.0


def bring_up(settings: Settings, console: Console, announce: Callable[[Run], None]) -> None:
    """Start everything, call `announce` once feeds are served, and go on until SIGINT or SIGTERM.

    Whatever happens, nothing that was started here is left running. Raises CascadeError when it is up already, or
    when a step fails.
    """
    _refuse_second(settings)
    settings = settings.model_copy(update={"home": settings.home.resolve()})
    specs, serving = consumer_specs(settings), settings.serving
    with ExitStack() as stack:
        with _step(console, "data"):
            dataset = ensure_dataset(settings)
        with _step(console, "Ray"):
            session = stack.enter_context(start_ray(settings))
            _refuse_unplaceable(settings, patience_s=0.0 if session.folder else NODES_S)
        with _step(console, "models and release"):
            for error in Releases(settings.releases).of_other_formats():
                console.print(f"{error}: it is passed over", soft_wrap=True)
            release = ensure_release(settings, dataset)
            refuse_missing(settings.ranker, release)
        with _step(console, "stores"):
            stores = stack.enter_context(open_stores(settings))
            clock = asyncio.run(fill(stores.urls, settings, dataset))
        with _step(console, "feed server"):
            _deploy(settings, clock, stores.urls)
        with _step(console, "consumers"):
            _keep_base(settings, dataset)
            context = Context(settings, stores.urls, dataset.manifest.utc_offset_minutes * 60_000, clock)
            stack.enter_context(run_consumers(specs, context))
        run = Run(
            up=ProcessId.of(psutil.Process().pid),
            store_url=stores.urls.state,
            events_url=stores.urls.events,
            clock_offset_ms=clock.offset_ms,
            ray_address=session.address,
            ray_folder=session.folder,
            http_address=f"http://{serving.host}:{serving.port}",
            grpc_address=f"{serving.host}:{serving.grpc}" if serving.grpc else None,
            release=release.name,
            dataset=str(dataset.folder.resolve()),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            **stores.processes,
        )
        write_run(settings.run_file, run)
        stack.callback(remove_run, settings.run_file)
        announce(run)
        _watch(settings, run, stores, look=lambda live: asyncio.run(_look(context, dataset, live, console)))
        console.print("stopping")


def _refuse_second(settings: Settings) -> None:
    running = read_run(settings.run_file)
    if running and running.alive:
        raise CascadeError(f"Cascade is up already, at {running.http_address}", "stop it with `cascade down`")
    host = settings.serving.host
    for port, name in ((settings.serving.port, "PORT"), (settings.serving.grpc, "GRPC_PORT")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise CascadeError(f"cannot listen on {host}:{port}: {error}", f"set CASCADE_SERVING__{name}") from None


@contextmanager
def _step(console: Console, name: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    started = time.monotonic()
    console.print(f"{name} ...")
    yield
    console.print(f"[green]✓[/green] {name}, {time.monotonic() - started:.1f} s")


async def _look(context: Context, dataset: DataSet, live: LiveRelease, console: Console) -> None:
    """Tell the state store which release is live, and fill it again if it has lost what it knew.

    One that does not answer is looked at again the next time.
    """
    settings = context.settings
    with suppress(StoreUnavailable):
        async with ReleaseBoard(context.urls.state, settings.store) as board:
            await board.keep(live)
        async with OnlineStore(context.urls.state, settings.store) as store:
            if await store.read_mark() is not None:
                return
            console.print("the state store is empty and is filled again ...")
            await keep_feed_clock(settings, store, dataset.manifest, context.clock)
            with bars() as progress:
                await seed_store(store, dataset, progress)


def _keep_base(settings: Settings, dataset: DataSet) -> None:
    """Note beside the archive which data set its posts and users were in when it was begun."""
    base = settings.archive_folder / BASE
    if not base.exists():
        base.parent.mkdir(parents=True, exist_ok=True)
        base.unlink(missing_ok=True)  # a link to what is gone
        base.symlink_to(dataset.folder.resolve())


def _refuse_unplaceable(settings: Settings, patience_s: float) -> None:
    """Raises CascadeError when the cluster has no room for the topology, and gets none while it is waited for."""
    deadline = time.monotonic() + patience_s
    while True:
        nodes = [Node.of(node) for node in ray.nodes() if node["Alive"]]
        try:
            return refuse_unplaceable(needs_of(settings), nodes)
        except CascadeError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(WATCH_S)


def _deploy(settings: Settings, clock: Clock, urls: StoreUrls) -> None:
    try:
        start_serve(settings, servicer_path(settings.serving))
        serve.run(feed_application(settings, clock, urls), name=APPLICATION, route_prefix="/")
    except (RuntimeError, TimeoutError, RayError) as error:
        raise CascadeError(f"the feed server does not start: {error}", "Ray's logs have more") from error


def _watch(settings: Settings, run: Run, stores: Stores, look: Callable[[LiveRelease], None]) -> None:
    """Wait for SIGINT or SIGTERM; meanwhile start a store again whenever it dies, and let `look` see what is live."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    live = LiveFile(settings.releases).need()
    try:
        while True:
            time.sleep(WATCH_S)
            revived = stores.revive()
            with suppress(CascadeError):  # a record that was damaged changes nothing
                live = LiveFile(settings.releases).need()
            if revived or live.live != run.release:
                run = msgspec.structs.replace(run, release=live.live, **stores.processes)
                write_run(settings.run_file, run)
            look(live)
    except KeyboardInterrupt:
        # An impatient second Ctrl-C must not leave half of it running.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Like Python's own handler, in the place of which asyncio would put one that a task may miss."""
    raise KeyboardInterrupt
