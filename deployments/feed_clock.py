"""The clock that all replicas and consumers of one Cascade go by."""

from cluster.clock import Clock
from cluster.settings import Settings
from cluster.store.client import OnlineStore
from training.data.dataset import Manifest


async def feed_clock(settings: Settings, store: OnlineStore, dataset: Manifest) -> Clock:
    """Feed time for a data set: real time, or as `serving.clock` says, the time of the data going on.

    It goes on from where the data ended when it was first served: a later start does not turn it back, which would
    make what happened since lie in the future. Raises StoreUnavailable.
    """
    if settings.serving.clock == "wall":
        return Clock()
    first = Clock.replay(dataset.end_ms)
    return Clock(await store.keep_clock(dataset.fingerprint, first.offset_ms))


async def keep_feed_clock(settings: Settings, store: OnlineStore, dataset: Manifest, clock: Clock) -> None:
    """Have a store that has lost it know the feed time again that runs. Raises StoreUnavailable."""
    if settings.serving.clock == "replay":
        await store.keep_clock(dataset.fingerprint, clock.offset_ms)
