"""Following the online learner: the live correction of a release."""

import logging

from cluster.settings import Store
from deployments.corrections.corrected import CorrectedRanker
from deployments.store_follower import StoreFollower
from training.models.correction import UnreadableCorrection, correction_key, decode_correction

logger = logging.getLogger(__name__)


class CorrectionFollower(StoreFollower):
    """Keeps a ranker's correction as the state store has it."""

    def __init__(self, release: str, ranker: CorrectedRanker, url: str, settings: Store) -> None:
        super().__init__(correction_key(release), url, settings)
        self._ranker = ranker

    def take(self, blob: bytes | None) -> None:
        """What cannot be read, or is of other heads, is none."""
        try:
            fits = self._ranker.correct(None if blob is None else decode_correction(blob))
        except UnreadableCorrection as error:
            fits = False
            logger.warning("the correction is not readable: %s", error)
        if not fits:
            logger.warning("predictions are not corrected")
            self._ranker.correct(None)
