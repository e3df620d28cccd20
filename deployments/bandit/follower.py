"""Following the bandit's consumer: what was learned of sources."""

import logging

from cluster.settings import Store
from deployments.bandit.source_bandit import SourceBandit
from deployments.store_follower import StoreFollower
from training.online.sources import KEY, UnreadableSources, decode_sources

logger = logging.getLogger(__name__)


class BanditFollower(StoreFollower):
    """Keeps a bandit at what the state store has learned."""

    def __init__(self, bandit: SourceBandit, url: str, settings: Store) -> None:
        super().__init__(KEY, url, settings)
        self._bandit = bandit

    def take(self, blob: bytes | None) -> None:
        """What cannot be read, or is of other sources, is nothing: all sources are chosen alike."""
        try:
            fits = self._bandit.take(None if blob is None else decode_sources(blob))
        except UnreadableSources as error:
            fits = False
            logger.warning("what was learned of sources is not readable: %s", error)
        if not fits:
            logger.warning("nothing is known of the sources")
            self._bandit.take(None)
