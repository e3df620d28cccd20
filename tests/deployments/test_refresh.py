"""Pulling to refresh, on a running Cascade."""

import time

import numpy as np
import pytest

pytestmark = pytest.mark.serving


def posts_of(feed) -> set[int]:
    return {item["post_id"] for item in feed["items"] if not item.get("ad")}


def test_a_refreshed_feed_has_other_posts_whichever_replica_answers(served) -> None:
    user = int(np.unique(served.dataset.read("impressions", ["user_id"])["user_id"].to_numpy())[17])
    first = posts_of(served.feed(user_id=user, limit=20))
    assert posts_of(served.feed(user_id=user, limit=20)) == first, "nobody asked for anything else"
    seen = set(first)
    for _ in range(3):
        for _ in range(50):  # what was shown is noted a moment later
            feed = served.feed(user_id=user, limit=20, refresh=True)
            if not seen & posts_of(feed):
                break
            time.sleep(0.1)
        assert feed["relaxed"] == []
        assert len(feed["items"]) == 20
        assert not seen & posts_of(feed)
        seen |= posts_of(feed)


def test_who_is_erased_is_shown_everything_again(served) -> None:
    user = 770_001
    shown = posts_of(served.feed(user_id=user, limit=20))
    time.sleep(0.5)
    assert not shown & posts_of(served.feed(user_id=user, limit=20, refresh=True))
    time.sleep(0.5)
    assert served.request("DELETE", f"/v1/users/{user}").status in (200, 202)
    assert posts_of(served.feed(user_id=user, limit=20, refresh=True)) == shown
