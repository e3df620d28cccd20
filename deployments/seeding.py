"""Filling a new online store with what a data set knows of its users and posts."""

from itertools import islice
from typing import Final

from cluster import effects
from cluster.post_counters import STREAM as COUNTERS
from cluster.post_counters import TOTALS, TRENDING
from cluster.store.client import OnlineStore
from cluster.store.consumers import START
from deployments.consumers.posts import PostsConsumer
from deployments.consumers.users import UsersConsumer
from training.data.dataset import DataSet
from training.data.progress import Progress
from training.features.history import history_at
from training.features.log import Log
from training.features.states import post_counters, user_states

#: Beginnings of the keys of all that follows from events: users, posts, authors, and what consumers tell of them.
DERIVED: Final = (
    b"u:",
    b"p:",
    b"a:",
    TOTALS,
    TRENDING,
    COUNTERS,
    effects.STREAM,
)
#: Users written between two looks at the progress bar.
CHUNK = 2000


async def seed_store(store: OnlineStore, dataset: DataSet, progress: Progress) -> bool:
    """Write the state of users and posts at the end of `dataset`, once; False when the store was filled with it before.

    A store that went on living since then knows more than the data set does, so it is left alone. One that is filled
    is emptied first, whether consumers run or not; they then apply what the event log still holds to the new state,
    but for what the data set was made from. Raises StoreUnavailable; the next call then starts over.
    """
    fingerprint = dataset.manifest.fingerprint.encode()
    if await store.read_mark() == fingerprint:
        return False
    await store.begin_filling([UsersConsumer.name, PostsConsumer.name], DERIVED)
    log = Log.load(dataset)
    end_ms = dataset.manifest.end_ms
    history = history_at(log, end_ms)
    states, users, done = user_states(log, history, end_ms), len(log.users.ids), 0
    while chunk := dict(islice(states, CHUNK)):
        await store.write_users(chunk)
        done += len(chunk)
        progress("fill the store", done, users)
    await store.write(post_counters(log, history))
    known = dataset.manifest.source.get("log_position") or START
    await store.end_filling(fingerprint, {UsersConsumer.name: known, PostsConsumer.name: START})
    return True
