"""The user's state, from the online store in one round trip."""

import asyncio
import logging
from typing import Protocol

import numpy as np

from cluster.post_table import rows_of
from cluster.user_state import TopicCodes, UnreadableState, unpack
from deployments.catalogue.catalogue import Catalogue
from deployments.loaded_release import LoadedRelease
from deployments.pipeline.components import QueryHydrator
from deployments.pipeline.query import Query

logger = logging.getLogger(__name__)


class UserStates(Protocol):
    """Where packed states are read: the online store, or what stands in for it."""

    async def read_user(self, user_id: int) -> bytes | None:
        """None for a user unknown to it. Raises StoreUnavailable."""
        ...

    async def read_shown(self, user_id: int) -> bytes | None:
        """`cluster.cursor.marks` of the posts that feeds have shown lately. Raises StoreUnavailable."""
        ...


class UserStateHydrator(QueryHydrator):
    name = "store"

    def __init__(self, store: UserStates, release: LoadedRelease, catalogue: Catalogue) -> None:
        self._store = store
        self._user_ids = release.user_ids
        self._catalogue = catalogue
        self._regions = release.vocabularies.region.codes()
        self._topics = TopicCodes(release.vocabularies.topic.codes())

    async def hydrate(self, query: Query) -> None:
        user_id = query.request.user_id
        query.user_row = int(rows_of(np.array([user_id]), self._user_ids)[0])
        if query.request.refresh:
            blob, shown = await asyncio.gather(self._store.read_user(user_id), self._store.read_shown(user_id))
            query.shown = np.frombuffer(shown or b"", np.uint32)
        else:
            blob = await self._store.read_user(user_id)
        if blob is None:
            return
        try:
            query.state = unpack(blob)
        except UnreadableState as error:
            logger.warning("user %d is served as new: %s", user_id, error)
            query.degraded.append("user_state")
            return
        query.user = query.state.columns(self._catalogue.posts, self._regions, self._topics)
        query.known = True
