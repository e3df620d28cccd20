"""The two stores of a run: started here, or there before."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cluster.errors import CascadeError
from cluster.processes.run_state import ProcessId
from cluster.settings import Settings
from cluster.store.urls import StoreUrls
from cluster.store.valkey_server import ValkeyServer


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the stores are; a server is None for a store that was there before."""

    urls: StoreUrls
    state_server: ValkeyServer | None
    events_server: ValkeyServer | None

    @property
    def processes(self) -> dict[str, ProcessId | None]:
        """The servers' processes as fields of the run file."""
        return {"store": _process(self.state_server), "events": _process(self.events_server)}

    def revive(self) -> bool:
        """Start again what has died; whether that was so. What does not start is tried again the next time."""
        revived = False
        for server in (self.state_server, self.events_server):
            if server and server.pid is None:
                with suppress(CascadeError):
                    server.start()
                    revived = True
        return revived


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """Start the stores that the settings do not name, and stop them at the end.

    Two, because one that waits for the disk after each append keeps all readers waiting with it. Raises CascadeError.
    """
    events_url = settings.events_url or settings.store_url
    events = None if events_url else ValkeyServer(settings.events_folder, settings.events)
    state = None if settings.store_url else ValkeyServer(settings.store_folder, settings.store)
    try:
        for server in (events, state):
            if server:
                server.start()
        urls = StoreUrls(state.url if state else str(settings.store_url), events.url if events else str(events_url))
        yield Stores(urls, state, events)
    finally:
        for server in (state, events):
            if server:
                server.stop()


def _process(server: ValkeyServer | None) -> ProcessId | None:
    return ProcessId.of(server.pid) if server and server.pid else None
