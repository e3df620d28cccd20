"""`cascade up`: data, release, store, Ray and the feed server, in that order, until it is told to stop."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

import msgspec
import psutil
from ray import serve
from rich.console import Console

from cluster.clock import Clock
from cluster.errors import CascadeError
from cluster.processes.run_state import ProcessId, Run, read_run, remove_run, write_run
from cluster.ray_runtime import start_ray, start_serve
from cluster.release import Release
from cluster.settings import Settings
from cluster.store.client import OnlineStore
from cluster.store.valkey_server import ValkeyServer
from deployments.feed_server import feed_application
from deployments.seeding import seed_store
from training.data.dataset import DataSet
from training.data.ensure import ensure_dataset
from training.data.progress import bars
from training.pipeline import ensure_release

#: Name of the Serve application.
APPLICATION = "cascade"
#: How often the store that was started here is looked after, in seconds.
WATCH_S = 1.0


def bring_up(settings: Settings, console: Console, announce: Callable[[Run], None]) -> None:
    """Start everything, call `announce` once feeds are served, and go on until SIGINT or SIGTERM.

    Whatever happens, nothing that was started here is left running. Raises CascadeError when it is up already, or
    when a step fails.
    """
    _refuse_second(settings)
    settings = settings.model_copy(update={"home": settings.home.resolve()})
    with ExitStack() as stack:
        with _step(console, "data"):
            dataset = ensure_dataset(settings)
        with _step(console, "Ray"):
            ray = stack.enter_context(start_ray(settings))
        with _step(console, "models and release"):
            release = ensure_release(settings, dataset)
        with _step(console, "online store"):
            server = None
            if settings.store_url is None:
                server = stack.enter_context(ValkeyServer(settings.store_folder, settings.store))
            store_url = server.url if server else str(settings.store_url)
            asyncio.run(_seed(store_url, settings, dataset))
        with _step(console, "feed server"):
            _deploy(settings, release, store_url)
        run = Run(
            up=ProcessId.of(psutil.Process().pid),
            store_url=store_url,
            store=_process(server),
            ray_address=ray.address,
            ray_folder=ray.folder,
            http_address=f"http://{settings.serving.host}:{settings.serving.port}",
            release=release.name,
            dataset=str(dataset.folder.resolve()),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_run(settings.run_file, run)
        stack.callback(remove_run, settings.run_file)
        announce(run)
        _watch(server, lambda: write_run(settings.run_file, msgspec.structs.replace(run, store=_process(server))))
        console.print("stopping")


def _refuse_second(settings: Settings) -> None:
    running = read_run(settings.run_file)
    if running and running.alive:
        raise CascadeError(f"Cascade is up already, at {running.http_address}", "stop it with `cascade down`")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.serving.host, settings.serving.port))
        except OSError as error:
            address = f"{settings.serving.host}:{settings.serving.port}"
            raise CascadeError(f"cannot listen on {address}: {error}", "set CASCADE_SERVING__PORT") from None


@contextmanager
def _step(console: Console, name: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    started = time.monotonic()
    console.print(f"{name} ...")
    yield
    console.print(f"[green]✓[/green] {name}, {time.monotonic() - started:.1f} s")


async def _seed(store_url: str, settings: Settings, dataset: DataSet) -> None:
    store = OnlineStore(store_url, settings.store)
    try:
        await store.ping()
        with bars() as progress:
            await seed_store(store, dataset, progress)
    finally:
        await store.close()


def _deploy(settings: Settings, release: Release, store_url: str) -> None:
    clock = Clock.replay(release.manifest.data_end_ms) if settings.serving.clock == "replay" else Clock()
    start_serve(settings)
    try:
        serve.run(feed_application(settings, release.name, clock, store_url), name=APPLICATION, route_prefix="/")
    except RuntimeError as error:
        raise CascadeError(f"the feed server does not start: {error}", "Ray's logs have more") from error


def _process(server: ValkeyServer | None) -> ProcessId | None:
    return ProcessId.of(server.pid) if server and server.pid else None


def _watch(server: ValkeyServer | None, restarted: Callable[[], None]) -> None:
    """Wait for SIGINT or SIGTERM; meanwhile start the store again whenever it dies."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        while True:
            time.sleep(WATCH_S)
            if server and server.pid is None:
                with suppress(CascadeError):  # tried again with the next look
                    server.start()
                    restarted()
    except KeyboardInterrupt:
        # An impatient second Ctrl-C must not leave half of it running.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
