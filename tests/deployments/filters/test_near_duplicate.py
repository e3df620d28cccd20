from dataclasses import replace

import numpy as np

from deployments.filters.near_duplicate import NearDuplicate
from tests.deployments.catalogue.releases import catalogue, post
from tests.deployments.queries import candidates, query


def test_the_best_of_near_duplicates_stays():
    live = catalogue(20)
    live.apply([post(5000, seed=1, duration_ms=9000), post(5001, seed=1, duration_ms=9050), post(5002, seed=2)])
    found = replace(candidates(20, 21, 22), score=np.array([0.1, 0.3, 0.2], np.float32))
    assert NearDuplicate(live, 0.97).keep(query(live.posts), found).tolist() == [False, True, True]
    live.apply([post(5001, seed=1, duration_ms=30_000)])
    assert NearDuplicate(live, 0.97).keep(query(live.posts), found).tolist() == [True, True, True]
