"""Posts that are almost the same as a better one."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Filter, Stage
from deployments.pipeline.query import Query
from kernels.near_duplicates import first_of_their_kind
from kernels.topk import top_k


class NearDuplicate(Filter):
    """Of posts that are one in all but id, the one with the highest score stays: so something always does."""

    name = "near_duplicate"
    reason = "almost the same as a post with a higher score"
    stage: ClassVar[Stage] = "scoring"

    def __init__(self, catalogue: Catalogue, cosine: float) -> None:
        self._catalogue = catalogue
        self._cosine = cosine

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        posts, order = self._catalogue.posts.columns, top_k(candidates.score, len(candidates))
        rows = candidates.rows[order]
        keep = np.empty(len(rows), np.bool_)
        keep[order] = first_of_their_kind(posts.content[rows], posts.kind[rows], posts.duration_s[rows], self._cosine)
        return keep
