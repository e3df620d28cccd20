"""The feature matrix, by the kernel that training uses too."""

from dataclasses import replace

import numpy as np

from deployments.catalogue.catalogue import Catalogue
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import Hydrator
from deployments.pipeline.query import Query
from kernels.assembly import WIDTH, assemble


class Features(Hydrator):
    name = "features"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        x = np.empty((len(candidates), WIDTH), np.float32)
        assemble(query.user, query.context, self._catalogue.posts.columns, np.array([0, len(x)]), candidates.rows, x)
        return replace(candidates, x=x)
