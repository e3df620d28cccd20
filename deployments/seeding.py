"""Filling a new online store with what a data set knows of its users and posts."""

from itertools import islice

from cluster.store.client import OnlineStore
from training.data.dataset import DataSet
from training.data.progress import Progress
from training.features.history import history_at
from training.features.log import Log
from training.features.states import post_counters, user_states

#: Users written between two looks at the progress bar.
CHUNK = 2000


async def seed_store(store: OnlineStore, dataset: DataSet, progress: Progress) -> bool:
    """Write the state of users and posts at the end of `dataset`, once; False when the store was filled with it before.

    A store that went on living since then knows more than the data set does, so it is left alone. Raises
    StoreUnavailable; the next call then starts over.
    """
    fingerprint = dataset.manifest.fingerprint.encode()
    if await store.read_mark() == fingerprint:
        return False
    log = Log.load(dataset)
    end_ms = dataset.manifest.end_ms
    history = history_at(log, end_ms)
    states, users, done = user_states(log, history, end_ms), len(log.users.ids), 0
    while chunk := dict(islice(states, CHUNK)):
        await store.write_users(chunk)
        done += len(chunk)
        progress("fill the store", done, users)
    await store.write(post_counters(log, history))
    await store.write_mark(fingerprint)
    return True
