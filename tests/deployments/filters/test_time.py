"""Filters by time: `recency`, `seen`."""

import msgspec
import numpy as np

from deployments.filters.recency import Recency
from deployments.filters.seen import Seen
from tests.deployments.catalogue.releases import catalogue
from tests.deployments.queries import candidates, query
from tests.kernels.columns import NOW

#: Posts one hour apart; the last one, of row 39, is of now.
LIVE = catalogue(40)
POSTS = LIVE.posts


def test_recency_is_counted_in_days():
    assert Recency(LIVE, days=1).keep(query(POSTS), candidates(14, 15, 39)).tolist() == [False, True, True]


def test_seen_removes_what_the_history_holds():
    asked = query(POSTS, seen=(1003, 1005, 77))
    assert Seen(LIVE, 24).enabled(asked)
    assert Seen(LIVE, 24).keep(asked, candidates(2, 3, 4, 5)).tolist() == [True, False, True, False]
    assert not Seen(LIVE, 24).enabled(query(POSTS))


def test_what_has_left_the_history_stays_seen_for_some_hours():
    asked = query(POSTS, seen=(1003,))
    times = np.array([NOW // 1000 - 23 * 3600, NOW // 1000 - 25 * 3600], np.uint32)
    asked.state = msgspec.structs.replace(
        asked.state, seen_posts=np.array([1004, 1005]).tobytes(), seen_times=times.tobytes()
    )
    assert Seen(LIVE, 24).keep(asked, candidates(2, 3, 4, 5)).tolist() == [True, False, False, True]
    assert Seen(LIVE, 26).keep(asked, candidates(2, 3, 4, 5)).tolist() == [True, False, False, False]
