"""A ranker whose predictions are corrected by what was learned online."""

from collections.abc import Sequence

import numpy as np

from deployments.catalogue.catalogue import Catalogue
from deployments.scorers.rank import Ranker
from kernels.actions import ACTIONS
from kernels.columns import F32, I64
from training.models.correction import Correction, to_logits, to_probabilities
from training.models.ranker import RankRequest


class CorrectedRanker:
    """`Ranker` over another one. K posts, H heads, A of them actions, which a correction may change."""

    def __init__(self, ranker: Ranker, catalogue: Catalogue) -> None:
        self.heads = ranker.heads
        self.actions = tuple(head for head in self.heads if head in ACTIONS)
        self.own = ranker
        self._catalogue = catalogue
        self._columns = np.array([self.heads.index(head) for head in self.actions], np.int64)
        self._correction: Correction | None = None

    def correct(self, correction: Correction | None) -> bool:
        """Predict with `correction` from now on. One that is of other heads is refused: False."""
        if correction is not None and correction.heads != self.actions:
            return False
        self._correction = correction if correction is not None and correction.changes else None
        return True

    def predict(self, user_row: int, post_rows: I64, x: F32) -> F32:
        """As `Ranker.predict`."""
        return self.corrected(post_rows, self.own.predict(user_row, post_rows, x))

    def predict_many(self, requests: Sequence[RankRequest]) -> list[F32]:
        """As `Ranker.predict_many`."""
        together = self.own.predict_many(requests)
        return [self.corrected(each.post_rows, of) for each, of in zip(requests, together, strict=True)]

    def corrected(self, post_rows: I64, predicted: F32) -> F32:
        """The ranker's own predictions [K, H], which are written to, with what was learned since."""
        if self._correction is not None and len(predicted):
            logits = to_logits(predicted[:, self._columns])
            corrected = self._correction.logits(logits, self._catalogue.posts.post_ids[post_rows])
            predicted[:, self._columns] = to_probabilities(corrected)
        return predicted

    def uncorrected(self, post_rows: I64, predicted: F32) -> F32:
        """The ranker's own logits [K, A] of the actions, from what `predict` has just made of them [K, H]."""
        logits = to_logits(predicted[:, self._columns])
        if self._correction is not None:
            logits = self._correction.undone(logits, self._catalogue.posts.post_ids[post_rows])
        return logits
