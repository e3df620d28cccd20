"""Each component that has to do with ads, over a small catalogue."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from cluster.ads import Ads as Terms
from cluster.posts import Ad
from cluster.rules import Rules
from cluster.user_state import EVENT, TopicCodes, UserState
from deployments.filters.advertised import Advertised, FrequencyCap
from deployments.pipeline.components import MissingInput, SoftFilter
from deployments.pipeline.executor import Pipeline, execute
from deployments.pipeline.trace import Trace
from deployments.scorers.ad_value import AdValue
from deployments.scorers.weights import Weights
from deployments.selectors.ad_slots import AdSlots
from deployments.selectors.slots import put
from deployments.sources.ads import Ads
from deployments.sources.held import HOLD_MS
from deployments.sources.popular import Popular
from kernels.actions import COUNT
from tests.deployments.catalogue.releases import catalogue, post
from tests.deployments.queries import candidates, query
from tests.kernels.columns import NOW

HEADS = ("like", "share", "hide", "watch_time")


def advertised(live, ads: dict[int, Ad]):
    """Make ads of posts by their rows."""
    rows = np.array(list(ads), np.int32)
    live.ads.put(rows, list(ads.values()))
    return live


def worth(weight: float) -> Weights:
    return Weights("home", HEADS, Rules(weights={"ad_value": weight}))


def predicted(rows: list[int], heads: list[list[float]]):
    mask = np.ones(len(rows), np.bool_)
    return replace(candidates(*rows), heads=np.array(heads, np.float32), reserved=mask)


def state_of(live, times_ms: dict[int, list[int]], forgotten: dict[int, int] | None = None):
    """A query by a user who was shown posts, by row, at those times before now; `forgotten` have left the history."""
    ids = live.posts.post_ids
    shown = sorted((NOW - ms, int(ids[row])) for row, times in times_ms.items() for ms in times)
    before = forgotten or {}
    state = UserState(
        history=np.array([(post_id, time_ms, 0, 0) for time_ms, post_id in shown], EVENT).tobytes(),
        seen_posts=np.array([ids[row] for row in before], np.int64).tobytes(),
        seen_times=np.array([(NOW - ms) // 1000 for ms in before.values()], np.uint32).tobytes(),
    )
    asked = query(live.posts)
    return replace(asked, state=state, user=state.columns(live.posts, {}, TopicCodes({})))


def test_a_catalogue_without_ads_has_no_part_in_them():
    live = catalogue()
    asked = query(live.posts, seen=(1001,))
    components = [
        Ads(live, 5),
        Advertised(live),
        FrequencyCap(live),
        AdValue(live, HEADS, Terms(), worth(1.0)),
        AdSlots(live, [1]),
    ]
    assert [component.enabled(asked) for component in components] == [False] * 5


def test_terms_come_and_go_with_posts():
    live = catalogue(20)
    live.apply([post(5000, ad=Ad(bid=0.5, daily_cap=2)), post(1003, ad=Ad(bid=0.0)), post(5001)])
    assert live.ads.rows.tolist() == [3, 20]
    assert [live.ads.at(row) for row in (3, 20, 21)] == [Ad(bid=0.0), Ad(bid=0.5, daily_cap=2), None]
    assert live.post_of_release(1003).ad == Ad(bid=0.0)
    live.apply([post(1003)])
    assert live.ads.rows.tolist() == [20]


def test_the_source_brings_those_that_promise_most_and_are_still_there():
    live = advertised(catalogue(20), {2: Ad(bid=1.0), 5: Ad(bid=2.0), 7: Ad(bid=0.5), 9: Ad(bid=0.1)})
    counts = live.posts.columns.counts
    counts[:] = 0
    live.posts.columns.prior[:] = 0.05
    source = Ads(live, 2)
    assert source.reserves
    assert source.fetch(query(live.posts)).tolist() == [5, 2]
    counts[7, :, COUNT["impression"]], counts[7, :, COUNT["like"]] = 1000, 900
    live._remove(np.array([5], np.int32))
    asked = query(live.posts)
    assert source.fetch(asked).tolist() == [2, 7], "gone at once, though counters are heard of later"
    asked.now_ms += HOLD_MS
    counts[2, :, COUNT["impression"]] = 1000  # and nobody engaged
    assert source.fetch(asked).tolist() == [7, 9]


def test_an_ad_has_no_place_among_other_posts():
    live = advertised(catalogue(20), {2: Ad(bid=1.0), 5: Ad(bid=2.0)})
    found, keep = candidates(1, 2, 5, 6), Advertised(live)
    assert keep.keep(query(live.posts), found).tolist() == [True, False, False, True]
    brought = replace(found, reserved=np.array([False, False, True, False]))
    assert keep.keep(query(live.posts), brought).tolist() == [True, False, True, True]


def test_an_ad_is_shown_so_often_a_day():
    live = advertised(catalogue(20), {2: Ad(bid=1.0, daily_cap=2), 5: Ad(bid=1.0, daily_cap=1), 6: Ad(bid=1.0)})
    hour, cap = 3_600_000, FrequencyCap(live)

    def kept(shown: dict[int, list[int]], forgotten: dict[int, int] | None = None) -> list[int]:
        asked, found = state_of(live, shown, forgotten), candidates(1, 2, 5, 6)
        assert cap.enabled(asked)
        return found.rows[cap.keep(asked, found)].tolist()

    assert kept({2: [hour], 1: [hour] * 9, 6: [hour] * 9}) == [1, 2, 5, 6]
    assert kept({2: [hour, 2 * hour]}) == [1, 5, 6]
    assert kept({2: [hour, 25 * hour], 5: [25 * hour]}) == [1, 2, 5, 6], "a day later it may be shown again"
    assert kept({5: [hour]}) == [1, 2, 6]
    assert kept({1: [hour]}, {2: 5 * hour, 6: 5 * hour, 5: 25 * hour}) == [1, 5, 6], "how often is not known any more"


def test_value_is_bid_times_engagement_times_quality():
    live = advertised(catalogue(20), {2: Ad(bid=2.0), 5: Ad(bid=1.0), 7: Ad(bid=9.0)})
    scorer = AdValue(live, HEADS, Terms(engagements=["like", "share", "comment"], annoyance=10), worth(3.0))
    heads = [[0.5, 0.5, 0, 9], [0.1, 0.1, 0.05, 9], [0.3, np.nan, 0.01, 9], [0.9, 0.9, 0.2, 9]]
    scored = scorer.score(query(live.posts), predicted([1, 2, 5, 7], heads))
    assert scored.score[0] == 0, "that of the candidate, which is no ad"
    assert scored.score[1:] == pytest.approx([3 * 2 * 0.2 * 0.5, 3 * 1 * 0.3 * 0.9, 0.0], rel=1e-5)
    with pytest.raises(MissingInput):
        scorer.score(query(live.posts), candidates(1, 2))


def test_ads_get_the_slots_that_the_feed_reaches_the_most_valuable_first():
    live = advertised(catalogue(40), {30: Ad(bid=1.0), 31: Ad(bid=1.0), 32: Ad(bid=1.0), 33: Ad(bid=1.0)})
    slots = AdSlots(live, [1, 3, 6])

    def feed(organic: int, values: list[float], limit: int = 10, ranked: bool = True) -> list[int]:
        found = candidates(*range(organic), *range(30, 30 + len(values)))
        score = np.array([1.0] * organic + values, np.float32)
        heads = np.zeros((len(found), 1), np.float32) if ranked else None
        found = replace(found, score=score, heads=heads, reserved=found.rows >= 30)
        return slots.select(query(live.posts, limit=limit), found).rows.tolist()

    assert feed(8, [0.1, 0.4, 0.2, 0.3]) == [0, 31, 1, 33, 2, 3, 32, 4, 5, 6]
    assert feed(8, [0.1, 0.4]) == [0, 31, 1, 30, 2, 3, 4, 5, 6, 7]
    assert feed(8, [0.0, 0.4]) == [0, 31, 1, 2, 3, 4, 5, 6, 7], "what is worth nothing gets no slot"
    assert feed(8, [0.0, -0.4], ranked=False) == [0, 30, 1, 31, 2, 3, 4, 5, 6, 7], "nobody knows what they are worth"
    assert feed(2, [0.1, 0.4, 0.2]) == [0, 31, 1, 32], "the last slot is behind the end"
    assert feed(0, [0.1]) == []
    assert feed(8, [0.1, 0.4, 0.2], limit=4) == [0, 31, 1, 32]


def test_slots_count_those_before_them():
    own, feed = candidates(7, 8, 9), candidates(0, 1)
    assert put(own, [0, 1, 2], feed).rows.tolist() == [7, 8, 9, 0, 1]
    assert put(own, [2, 3, 5], feed).rows.tolist() == [0, 1, 7, 8]
    assert put(own, [], feed).rows.tolist() == [0, 1]


@pytest.mark.parametrize("wrong", [{"slots": [3, 1]}, {"slots": [1, 1]}, {"slots": [-1]}, {"engagements": ["love"]}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Terms(**wrong)


class Old(SoftFilter):
    name = "old"
    reason = "old"

    def keep(self, query, candidates):
        return np.zeros(len(candidates), np.bool_)


def test_soft_filters_neither_take_ads_nor_count_them_among_what_is_left():
    live = advertised(catalogue(20), {row: Ad(bid=1.0) for row in range(10, 20)})
    sources = [Popular(np.arange(10, dtype=np.int32), live, 10), Ads(live, 10)]
    pipeline = Pipeline([], sources, [], live, soft_filters=[Old()])
    asked = query(live.posts, limit=5)
    left = execute(pipeline, asked, Trace())
    assert asked.relaxed == ["old"]
    assert set(left.rows[left.reserved].tolist()) == set(range(10, 20))
    assert left.rows[~left.reserved].tolist() == [0, 1, 2, 3, 4]
