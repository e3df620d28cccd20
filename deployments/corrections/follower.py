"""Following the online learner: the live correction of a release, read again and again."""

import logging
from contextlib import suppress
from typing import Final, cast

from cluster.settings import Store
from cluster.store.breaker import Breaker, StoreUnavailable
from cluster.store.connection import Connection
from deployments.corrections.corrected import CorrectedRanker
from deployments.repeating import Repeated
from training.models.correction import UnreadableCorrection, correction_key, decode_correction

logger = logging.getLogger(__name__)

TIMEOUT_S: Final = 1.0
#: How often it is looked up, in seconds: corrections change every few minutes.
LOOK_S: Final = 2.0


class CorrectionFollower:
    """Keeps a ranker's correction as the state store has it. While the store is gone, it stays as it was."""

    def __init__(self, release: str, ranker: CorrectedRanker, url: str, settings: Store) -> None:
        self._key = correction_key(release)
        self._ranker = ranker
        self._connection = Connection(url, TIMEOUT_S, Breaker("online store", settings.retry_ms))
        self._redis = self._connection.redis
        self._followed: bytes | None = None
        self._following = Repeated(self.follow, LOOK_S)

    async def catch_up(self) -> None:
        """Take the live correction, if the store is there."""
        with suppress(StoreUnavailable):
            await self.follow()

    def start(self) -> None:
        """Follow in a task of its own until `close`."""
        self._following.start()

    async def close(self) -> None:
        await self._following.close()
        await self._connection.close()

    async def follow(self) -> None:
        """Take what is stored. Raises StoreUnavailable. What cannot be read, or is of other heads, is none."""
        blob = cast(bytes | None, await self._connection.outcome(self._redis.get(self._key)))
        if blob == self._followed:
            return
        self._followed = blob
        try:
            fits = self._ranker.correct(None if blob is None else decode_correction(blob))
        except UnreadableCorrection as error:
            fits = False
            logger.warning("the correction is not readable: %s", error)
        if not fits:
            logger.warning("predictions are not corrected")
            self._ranker.correct(None)
