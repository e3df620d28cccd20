"""The online learner: proposes corrections, and lets none become live that has not been better on later data."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from kernels.columns import F32
from training.models.correction import Correction, to_probabilities
from training.online.fitting import Bounds, fit, towards
from training.online.rows import Rows

#: Rows of the past that a correction is fitted to.
MEMORY: Final = 50_000
#: So many standard errors must a live correction be worse than none before it is taken back.
CERTAINTY: Final = 2.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the last rows said of the corrections, per head; losses are mean log losses."""

    rows: int
    none: dict[str, float]
    live: dict[str, float]
    shadow: dict[str, float]
    promoted: tuple[str, ...]  # shadow became live
    returned: tuple[str, ...]  # live was worse than none, which is live now


class OnlineLearner:
    """Learns the correction of one ranker. Heads are judged one by one; nothing here knows the time.

    Each call of `learn` brings rows that no correction has seen. They first judge the *shadow*, the correction proposed
    last time: heads for which it loses less than what is live become live. Heads whose live correction is worse
    than none, beyond doubt, return to none. Then the rows join the memory, and one bounded step from what is live
    towards what the memory asks for is the next shadow.
    """

    def __init__(
        self,
        heads: tuple[str, ...],
        live: Correction | None = None,
        bounds: Bounds | None = None,
        memory: int = MEMORY,
    ) -> None:
        """`live` is the correction to go on from; None = none at all."""
        self.heads = heads
        self.live = self.shadow = live or Correction.identity(heads)
        self._bounds = bounds or Bounds()
        self._memory = memory
        self._rows = Rows.none(len(heads))

    def learn(self, rows: Rows) -> Verdict:
        """Judge with rows, then learn from them. Raises ValueError when there are none."""
        if not len(rows):
            raise ValueError("no rows to learn from")
        none = Correction.identity(self.heads)
        lost = [_losses(correction, rows) for correction in (none, self.live, self.shadow)]
        promoted, returned = [], []
        live = self.live
        for h, head in enumerate(self.heads):
            without, with_live, with_shadow = (losses[:, h] for losses in lost)
            better = with_shadow.mean() < with_live.mean()
            if _worse(with_shadow if better else with_live, without):
                live = live.with_head(h, none)
                returned.append(head)
            elif better:
                live = live.with_head(h, self.shadow)
                promoted.append(head)
        self.live = live
        known = self._rows.then(rows)
        self._rows = known.between(max(0, len(known) - self._memory), len(known))
        self.shadow = towards(live, fit(self._rows, self.heads, self._bounds), self._bounds)
        of_none, of_live, of_shadow = (dict(zip(self.heads, of.mean(axis=0).tolist(), strict=True)) for of in lost)
        return Verdict(len(rows), of_none, of_live, of_shadow, tuple(promoted), tuple(returned))


def _losses(correction: Correction, rows: Rows) -> F32:
    """Log loss of each row and head, [N, H]."""
    p = to_probabilities(correction.logits(rows.logits, rows.post_ids)).astype(np.float64)
    p = np.clip(p, 1e-7, 1 - 1e-7)
    losses: F32 = -(rows.labels * np.log(p) + (1 - rows.labels) * np.log1p(-p))
    return losses


def _worse(ours: F32, theirs: F32) -> bool:
    """Whether our losses [N] are above theirs, row for row, beyond doubt."""
    more = ours - theirs
    error = more.std() / np.sqrt(len(more))
    return bool(more.mean() > CERTAINTY * error and more.mean() > 0)
