"""Ads in the feeds of a running Cascade, whose world has some."""

import time

import numpy as np
import pytest

from cluster.ads import Ads

pytestmark = pytest.mark.serving
SLOTS = Ads().slots


def ads_of(feed) -> dict[int, int]:
    """Position of each ad."""
    return {item["post_id"]: at for at, item in enumerate(feed["items"]) if item.get("ad")}


def test_home_has_ads_in_their_slots_and_explore_none(served) -> None:
    sold = set(served.dataset.read("ads")["post_id"].to_pylist())
    users = np.unique(served.dataset.read("impressions", ["user_id"])["user_id"].to_numpy())[:10].tolist()
    shown = set()
    for user in users:
        feed = served.feed(user_id=user, limit=50)
        ads = ads_of(feed)
        assert set(ads) == {item["post_id"] for item in feed["items"]} & sold
        assert sorted(ads.values()) == SLOTS[: len(ads)]
        values = [item["score"] for item in feed["items"] if item.get("ad")]
        assert values == sorted(values, reverse=True)
        assert all("ads" in item["sources"] for item in feed["items"] if item.get("ad"))
        explore = served.feed(user_id=user, limit=50, surface="explore")
        assert not {item["post_id"] for item in explore["items"]} & sold
        shown |= set(ads)
    assert len(shown) > 1


def test_an_ad_that_was_shown_as_often_as_it_may_be_is_not_shown_again_that_day(served) -> None:
    caps = {row["post_id"]: row["daily_cap"] for row in served.dataset.read("ads").to_pylist()}
    user = 880_001
    feed = served.feed(user_id=user, limit=20)
    ad = next(iter(ads_of(feed)))
    for n in range(caps[ad]):
        assert ad in ads_of(served.feed(user_id=user, limit=20))
        event = {"event_id": f"{user}-{n}", "user_id": user, "action": "impression", "post_id": ad}
        assert served.request("POST", "/v1/events", event).status == 200
        for _ in range(100):
            state = served.request("GET", f"/v1/users/{user}/state").json()
            if len(state.get("history", ())) == n + 1:  # before the first event nothing is stored
                break
            time.sleep(0.1)
        else:
            pytest.fail(f"the impression is not in the state: {state}")
    assert ad not in ads_of(served.feed(user_id=user, limit=20))


def test_a_post_becomes_an_ad_by_its_terms_and_bad_ones_are_refused(served) -> None:
    bad = served.request("POST", "/v1/posts", {"post_id": 990_001, "author_id": 1, "ad": {"bid": -1}})
    assert bad.status == 400
    assert bad.json()["error"]["field"] == "ad.bid"
    post = {"post_id": 990_001, "author_id": 1, "kind": "ad", "topic": "sea", "ad": {"bid": 1e6, "daily_cap": 1}}
    assert served.request("POST", "/v1/posts", post).status == 200
    for _ in range(100):
        if 990_001 in ads_of(served.feed(user_id=880_002, limit=20)):
            break
        time.sleep(0.1)
    else:
        pytest.fail("the ad with the greatest bid is not shown")
    assert served.request("PATCH", "/v1/posts/990001", {"ad": None}).status == 200
    for _ in range(100):
        if 990_001 not in ads_of(served.feed(user_id=880_002, limit=20)):
            break
        time.sleep(0.1)
    else:
        pytest.fail("the post is still an ad")
