"""Filters of fatigue: `creator_fatigue`, `feedback_fatigue`."""

import msgspec
import numpy as np
import pytest

from cluster.user_state import FEWER
from deployments.filters.creator_fatigue import CreatorFatigue
from deployments.filters.feedback_fatigue import FeedbackFatigue
from kernels.columns import DAY_MS
from tests.deployments.catalogue.releases import catalogue
from tests.deployments.queries import candidates, query
from tests.kernels.columns import NOW

LIVE = catalogue(20)
POSTS = LIVE.posts


def tired(shown: float, engaged: float, days: float = 0.0) -> bool:
    """Whether the user is tired of author 200, `days` after so many impressions and positive actions."""
    asked = query(POSTS, seen=(1003,))
    user = asked.user
    author, author_shown, author_engaged = user.author.copy(), user.author_shown.copy(), user.author_engaged.copy()
    author[0, 5], author_shown[0, 5], author_engaged[0, 5] = 1, shown, engaged
    asked.user = user._replace(
        author=author,
        author_shown=author_shown,
        author_engaged=author_engaged,
        counted_ms=np.array([NOW - int(days * DAY_MS)]),
    )
    component = CreatorFatigue(LIVE, 10)
    assert component.enabled(asked)
    keep = component.keep(asked, candidates(0, 1, 2, 4)).tolist()
    assert (keep[0], keep[2], keep[1]) == (True, True, keep[3])
    return not keep[1]


@pytest.mark.parametrize(
    ("shown", "engaged", "days", "expected"),
    [(11, 0, 0, True), (10, 0, 0, False), (15, 6, 0, False), (15, 4, 0, True), (20, 0, 1, False), (40, 0, 1, True)],
)
def test_a_creator_tires_who_is_shown_much_and_liked_little(shown, engaged, days, expected):
    assert tired(shown, engaged, days) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((1,), True),
        ((13,), True),
        ((15,), False),
        ((15, 20), True),
        ((76, 76), True),
        ((78, 78), False),
        ((141,) * 9, False),
    ],
)
def test_requests_to_see_fewer_fade(days, expected):
    asked, component = query(POSTS), FeedbackFatigue(LIVE, 0.9)
    assert not component.enabled(asked)
    fewer = [(200, 1001 + i, NOW // 1000 - day * 86_400) for i, day in enumerate(days)]
    fewer += [(999, 1, NOW // 1000), (300, 2, NOW // 1000 - 100 * 86_400)]
    asked.state = msgspec.structs.replace(asked.state, fewer=np.array(fewer, FEWER).tobytes())
    assert component.enabled(asked)
    assert component.keep(asked, candidates(0, 1, 2, 4)).tolist() == [True, not expected, True, not expected]
