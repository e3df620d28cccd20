import numpy as np
import pytest

from cluster.user_state import UserState
from deployments.filters.authors import Blocked, Followed, Muted
from tests.deployments.catalogue.releases import catalogue
from tests.deployments.queries import candidates, query

LIVE = catalogue(20)


@pytest.mark.parametrize(
    ("component", "field"),
    [
        (Blocked(LIVE), "blocked_ids"),
        (Blocked(LIVE), "blocked_by_ids"),
        (Muted(LIVE), "muted_ids"),
        (Muted(LIVE), "muted_by_ids"),
    ],
)
def test_authors_that_are_blocked_or_muted_or_do_so_are_removed(component, field):
    asked = query(LIVE.posts)
    assert not component.enabled(asked)
    asked.state = UserState(**{field: np.array([200, 999]).tobytes()})
    assert component.enabled(asked)
    assert component.keep(asked, candidates(0, 1, 2, 3, 4)).tolist() == [True, False, True, True, False]


def test_followed_leaves_whom_the_user_does_not_follow():
    asked = query(LIVE.posts)
    assert not Followed(LIVE).enabled(asked)
    asked.user = asked.user._replace(follow_author=np.array([0, 1], np.int32))
    assert Followed(LIVE).enabled(asked)
    assert Followed(LIVE).keep(asked, candidates(0, 1, 2, 3, 5)).tolist() == [False, False, True, False, True]
