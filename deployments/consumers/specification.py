"""Which consumers there are, in words that travel to their actors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from cluster.clock import Clock
from cluster.settings import Server, Settings
from cluster.store.stream import Stream
from cluster.store.urls import StoreUrls
from deployments.consumers.consumer import Consumer

#: What stays of a stream of derived things once everybody has read it, in seconds.
DERIVED_S: Final = 60


class Context(NamedTuple):
    """What a consumer may need to be made."""

    settings: Settings
    urls: StoreUrls
    utc_offset_ms: int  # of local time, in which days are counted
    clock: Clock


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """A consumer before it is made. `make` runs in the consumer's own process."""

    name: str
    stream: str
    store: Literal["state", "events"]  # where the stream is
    make: Callable[[Context], Consumer[Any]]
    kept_whole: bool = False  # the stream is never trimmed

    def open_stream(self, context: Context) -> Stream:
        """The stream, with this consumer's group."""
        settings, urls = context.settings, context.urls
        server: Server = settings.events if self.store == "events" else settings.store
        return Stream(getattr(urls, self.store), server, self.stream, self.name)

    def retention_s(self, settings: Settings) -> int:
        """How long entries stay at least, once all have read them."""
        return settings.events.retention_s if self.store == "events" else DERIVED_S
