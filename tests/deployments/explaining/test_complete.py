"""The whole why of a thousand feeds of a small world: whatever is told of a post adds up."""

import asyncio
from collections import Counter
from itertools import cycle, islice, product

import numpy as np
import pytest

from cluster.learning import Bandit
from cluster.quotas import Quotas
from cluster.rules import Rules
from cluster.settings import Settings
from cluster.wire import FeedRequest, FeedResponse, Item
from deployments.bandit.source_bandit import SOURCES, SourceBandit
from deployments.evaluation.replayer import Replayer
from tests.deployments.evaluation.by_hand import release_of
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise
from training.evaluation.split import Split
from training.features.log import Log

REQUESTS = 1000
SPLIT = Split(20240106, 20240107, 20240108)
CAMPAIGN = {"name": "c", "boost": 0.3, "starts": "2024-01-01T00:00:00Z", "ends": "2025-01-01T00:00:00Z"}
#: All that its ranker reads.
READ = {"post_like_rate_28d", "post_long_view_rate_28d"}
RULES = Rules(
    weights={"like": 1.0, "long_view": 1.0, "hide": -20.0, "ad_value": 1.0},
    fresh_boost_hours=12,
    campaigns=[CAMPAIGN | {"kinds": ["photo"]}],
    author_cap=1,
    kind_run=2,
)
PATIENT = {"deadline_ms": 10_000}  # a busy machine leaves nothing out
BANDIT = Bandit(enabled=True, slot=5, enough=10_000)


@pytest.fixture(scope="module")
def feeds(tmp_path_factory) -> list[FeedResponse]:
    """Explained, by turns of every kind: both surfaces, short pages and long ones, first ones and later ones, with a
    bandit and without.
    """
    world = synthesise(Parameters(users=120, posts=800, days=8, seed=5), tmp_path_factory.mktemp("why") / "world")
    log = Log.load(world)
    quotas = Quotas(long_term=100, session=80, popular=80, fresh=60, prerank=150, rank=60)
    settings = Settings(rules=RULES, quotas=quotas, bandit=BANDIT)
    release = release_of(world, SPLIT)
    replayers = [
        Replayer(release, log, settings),
        Replayer(release, log, settings, SourceBandit(SOURCES, BANDIT)),
    ]
    for replayer in replayers:
        replayer.advance(SPLIT.snapshot_ms(log), np.arange(120))
    kinds = cycle(product((20, 3), ("home", "explore"), replayers))

    async def ask() -> list[FeedResponse]:
        told: list[FeedResponse] = []
        for _, surface, replayer in islice(kinds, 8):  # kernels that are compiled now take longer than a source may
            await replayer.answer(FeedRequest(user_id=int(log.users.ids[0]), surface=surface, explain=True, **PATIENT))
        for i, (limit, surface, replayer) in enumerate(islice(kinds, REQUESTS)):
            user, cursor = int(log.users.ids[i % 120]), None
            if i % 3 == 0:
                first = await replayer.answer(FeedRequest(user_id=user, surface=surface, limit=limit, **PATIENT))
                cursor = first.cursor
            asked = FeedRequest(user_id=user, surface=surface, limit=limit, cursor=cursor, explain=True, **PATIENT)
            told.append(await replayer.answer(asked))
        return told

    return asyncio.run(ask())


def final_score(item: Item) -> float:
    assert item.why is not None
    assert item.why.utility is not None
    score = item.why.utility
    for factor in item.why.factors.values():
        score = score * factor if score >= 0 else score / factor
    return score


def explored(feed: FeedResponse) -> int | None:
    choice = feed.explanation.choices.get("exploration")
    return None if choice is None else int(choice.chosen)


def test_every_post_of_a_thousand_feeds_has_a_complete_why(feeds):
    assert len(feeds) == REQUESTS
    for feed in feeds:
        assert feed.degraded == []
        for slot, item in enumerate(feed.items):
            why = item.why
            assert item.sources
            assert item.features
            assert set(item.heads) == {"like", "long_view"}
            assert set(why.terms) == ({"ad_value"} if item.ad else set(item.heads))
            assert sum(why.terms.values()) == pytest.approx(why.utility, abs=3e-6)
            assert final_score(item) == pytest.approx(item.score, rel=1e-5, abs=3e-6)
            own = item.ad or item.post_id == explored(feed)
            assert (why.place_by_utility is None) == own
            assert own or why.place_by_utility - slot == sum(why.moves.values())
            assert 0 not in why.moves.values()
            by_feature = {told.feature: told for told in why.influences}
            assert by_feature.keys() <= READ  # and of these, what is as in the middle is nothing to tell
            for name, told in by_feature.items():
                assert told.value == item.features[name]
                assert told.effect == pytest.approx(told.value - told.middle, abs=3e-6)


def test_what_was_brought_is_returned_or_taken_out_by_one_component(feeds):
    for feed in feeds:
        told = feed.explanation
        returned = [item.post_id for item in feed.items]
        dropped = [post.post_id for post in told.dropped]
        assert len(set(returned + dropped)) == len(returned) + len(dropped)
        components = {trace.component: trace for trace in told.components}
        assert {name for post in told.dropped for name in post.sources} <= set(components)
        assert all(post.sources for post in told.dropped)
        assert {post.component for post in told.dropped} == set(told.reasons)
        by = Counter(post.component for post in told.dropped)
        given_up = by.pop("favoured_source", 0)
        for name, trace in components.items():
            if trace.stage in ("candidates", "scoring", "rules") and trace.candidates_in:
                assert trace.candidates_in - trace.candidates_out == by.pop(name, 0), name
        assert not by
        first = next(trace for trace in told.components if trace.candidates_in)
        assert len(returned) + len(dropped) - given_up == first.candidates_in
        scored = {post.component for post in told.dropped if post.score is not None}
        assert scored <= {"near_duplicate", "top", "rerank", "ad_slots", "exploration_slot"}
        assert {post.component for post in told.dropped if post.score is None}.isdisjoint(scored)


def test_there_was_something_to_explain(feeds):
    """The world and the rules of this test bring about nearly all that can be told."""
    movers = {mover for feed in feeds for item in feed.items for mover in item.why.moves}
    assert movers >= {"fresh", "campaign", "served", "decays", "author_cap", "exploration_slot", "ad_slots"}
    taken_out = {name for feed in feeds for name in feed.explanation.reasons}
    assert taken_out >= {
        "favoured_source",
        "unpublished",
        "seen",
        "served",
        "first",
        "top",
        "rerank",
        "advertised",
        "frequency_cap",
        "ad_slots",
    }
    chosen = [feed.explanation.choices for feed in feeds]
    assert sum("source" in choices for choices in chosen) == REQUESTS / 2
    assert all(0 < choice.propensity <= 1 for choices in chosen for choice in choices.values())
    with_slot = [feed for feed in feeds if "exploration" in feed.explanation.choices]
    assert len(with_slot) > REQUESTS / 8
    for feed in with_slot:
        assert explored(feed) in {item.post_id for item in feed.items}
    assert sum(item.ad for feed in feeds for item in feed.items) > REQUESTS / 4
