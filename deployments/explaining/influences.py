"""Which features mattered most for a post, by taking each away.

Removal-based explanation (Covert, Lundberg and Lee, "Explaining by Removing", JMLR 2021): one feature at a time is set
to that of the middle candidate of the request (median; for codes the most frequent one), the ranker predicts again,
and the difference in utility is what the feature does for the post. Features in which the candidates of a request do
not differ, as those of the user, move no post past another and are left out. The content embedding counts as one
feature; so does what the ranker has learned of the post itself, whose absence is a post that it does not know.
"""

from typing import Final

import numpy as np

from cluster.traced_feed import TracedFeed
from cluster.wire import Influence
from deployments.scorers.rank import Ranker
from kernels.columns import CONTENT_DIM, F32
from kernels.features import INDEX, NAMES
from kernels.utility import utility

#: Told for each post.
MOST: Final = 8
CONTENT: Final = "post_content"
POST: Final = "post"
_CONTENT: Final = [INDEX[f"{CONTENT}_{i}"] for i in range(CONTENT_DIM)]


def influences(traced: TracedFeed, ranker: Ranker) -> list[list[Influence]]:
    """The features that mattered most for each of the K posts, the greatest effect first.

    Calls the ranker once for each feature: some milliseconds.
    """
    x: F32 = np.ascontiguousarray(traced.x.T)
    if not x.size or not len(traced.weights):
        return [[] for _ in traced.feed]
    groups = _groups(x, traced.reference)
    rows = traced.post_rows.astype(np.int64)

    def worth(rows: np.ndarray, x: F32) -> F32:
        total = np.empty(len(x), np.float32)
        utility(ranker.predict(traced.user_row, rows, x), traced.weights, total)
        return total

    base = worth(rows, x)
    without = []
    for columns in groups.values():
        changed = x.copy()
        changed[:, columns] = traced.reference[columns]
        without.append(worth(rows, changed))
    without.append(worth(np.full(len(rows), -1), x))
    effects = base[:, None] - np.stack(without, axis=1)
    return [_told([*groups, POST], row, effect, traced.reference) for row, effect in zip(x, effects, strict=True)]


def _groups(x: F32, reference: F32) -> dict[str, list[int]]:
    """Columns of each feature in which posts differ from the middle candidate."""
    differing = np.flatnonzero((x != reference).any(axis=0)).tolist()
    groups = {NAMES[column]: [column] for column in differing if column not in _CONTENT}
    if any(column in _CONTENT for column in differing):
        groups[CONTENT] = _CONTENT
    return groups


def _told(names: list[str], row: F32, effects: F32, reference: F32) -> list[Influence]:
    most = np.argsort(-np.abs(effects), kind="stable")[:MOST]
    told = []
    for k in most.tolist():
        effect = float(effects[k])
        if effect != 0:
            at = INDEX.get(names[k])
            value, middle = (None, None) if at is None else (float(row[at]), float(reference[at]))
            told.append(Influence(names[k], value, middle, round(effect, 6)))
    return told
