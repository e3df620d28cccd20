import numpy as np

from cluster.cursor import marks
from deployments.filters.served import Served
from tests.deployments.catalogue.releases import catalogue
from tests.deployments.queries import candidates, query


def test_the_pages_before_are_left_out():
    live = catalogue(20)
    asked = query(live.posts)
    assert not Served(live).enabled(asked)
    asked.served = marks(np.array([1003, 77, 1005]))
    assert Served(live).enabled(asked)
    assert Served(live).keep(asked, candidates(2, 3, 4, 5)).tolist() == [True, False, True, False]
