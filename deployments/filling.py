"""Both stores of a run, made ready for its first request."""

from cluster.clock import Clock
from cluster.event_log import EventLog
from cluster.settings import Settings
from cluster.store.client import OnlineStore
from cluster.store.urls import StoreUrls
from deployments.feed_clock import feed_clock
from deployments.seeding import seed_store
from training.data.dataset import DataSet
from training.data.progress import bars


async def fill(urls: StoreUrls, settings: Settings, dataset: DataSet) -> Clock:
    """Wait for both stores, fill a new one, and tell the feed time that goes with it. Raises StoreUnavailable."""
    async with (
        OnlineStore(urls.state, settings.store.patient()) as store,
        EventLog(urls.events, settings.events.patient()) as log,
    ):
        await store.ping()
        await log.ping()
        with bars() as progress:
            await seed_store(store, dataset, progress)
        return await feed_clock(settings, store, dataset.manifest)
