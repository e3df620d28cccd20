"""Both surfaces over a small release, up to ranking: what their sources and filters make of its posts."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cluster.cursor import marks
from cluster.filters import FILTERS, Filters
from cluster.learning import Bandit
from cluster.quotas import Quotas
from cluster.settings import Settings
from cluster.user_state import EVENT, FEWER, UserState, pack
from deployments.bandit.source_bandit import SOURCES, SourceBandit
from deployments.catalogue.catalogue import Catalogue
from deployments.counters.live_counters import LiveCounters
from deployments.pipeline.components import Filter, SoftFilter
from deployments.pipeline.executor import execute, hydrate
from deployments.pipeline.trace import Trace
from deployments.surfaces.parts import Parts
from deployments.surfaces.surfaces import surfaces
from tests.deployments.catalogue.releases import post, release
from tests.deployments.queries import query
from tests.kernels.columns import NOW

USER = 1
NOBODY = UserState()
#: The only filters without which feeds are never made.
ALWAYS = {"removed", "unpublished", "served", "advertised"}


class Stored:
    """The state store of one user."""

    def __init__(self, state: UserState, shown: tuple[int, ...] = ()) -> None:
        self._blob = pack(state)
        self._shown = marks(np.array(shown, np.int64)).tobytes()

    async def read_user(self, user_id: int) -> bytes:
        return self._blob

    async def read_shown(self, user_id: int) -> bytes | None:
        return self._shown


def parts(state: UserState = NOBODY, **filters) -> Parts:
    loaded = release()
    loaded.user_ids, loaded.forest, loaded.ranker = np.array([USER]), None, SimpleNamespace(heads=("like",))
    live = Catalogue(loaded, Settings().catalogue)
    live.posts.columns.prior[:] = 0  # every post has been good enough
    return Parts(loaded, live, LiveCounters(live), Stored(state), Settings(filters=Filters(**filters)))


def feed(given: Parts, surface: str, served: tuple[int, ...] = (), **request):
    """Authors of what goes on to be ranked, in order; query and trace. `served`: post ids of the pages before."""
    asked, trace = query(given.catalogue.posts, surface=surface, **request), Trace()
    asked.served = marks(np.array(served, np.int64))
    pipeline = surfaces(given)[surface]
    before = [step.stage for step in pipeline.steps].index("features")
    pipeline = replace(pipeline, steps=pipeline.steps[:before])
    asyncio.run(hydrate(pipeline, asked, trace))
    found = execute(pipeline, asked, trace)
    posts = given.catalogue.posts
    return posts.author_ids[posts.columns.author[found.rows]], asked, trace


def filters_of(pipeline) -> list[str]:
    return [component.name for component in pipeline.components if isinstance(component, Filter)]


@pytest.mark.parametrize("surface", ["home", "explore"])
def test_each_filter_of_the_settings_can_be_switched_off(surface):
    names = set(filters_of(surfaces(parts())[surface]))
    assert names > ALWAYS
    assert names - ALWAYS == set(FILTERS) - {"followed" if surface == "home" else "frequency_cap"}
    assert set(filters_of(surfaces(parts(disabled=list(FILTERS)))[surface])) == ALWAYS


def test_home_is_the_follow_graph_first_and_explore_without_it():
    given = parts(UserState(following_ids=np.array([200]).tobytes()))
    authors, asked, _ = feed(given, "home")
    assert (authors == 200).tolist() == [True] * 13 + [False] * 27
    authors, asked, _ = feed(given, "explore")
    assert len(authors) == 27
    assert 200 not in authors
    assert asked.relaxed == []


def test_who_follows_everybody_still_discovers_something():
    given = parts(UserState(following_ids=np.array([100, 200, 300]).tobytes()))
    authors, asked, _ = feed(given, "explore", limit=20)
    assert (len(authors), asked.relaxed) == (20, ["followed"])


def test_soft_filters_give_way_in_their_order_and_say_so():
    tired = np.array([(200, 1, NOW // 1000), (300, 2, NOW // 1000)], FEWER)
    given = parts(UserState(fewer=tired.tobytes()), recency_days=1)
    # Of 40 posts an hour apart 25 are of today, 14 are of author 100, and of these 9 are of today.
    for limit, relaxed, left in ((8, [], 9), (12, ["recency"], 12), (30, ["recency", "feedback_fatigue"], 30)):
        authors, asked, _ = feed(given, "home", limit=limit)
        assert (len(authors), asked.relaxed) == (left, relaxed)
        assert (authors == 100).sum() == min(left, 14)
    assert feed(parts(UserState(fewer=tired.tobytes()), disabled=["feedback_fatigue"]), "home")[1].relaxed == []


def test_hard_filters_never_give_way():
    state = UserState(blocked_ids=np.array([100, 200]).tobytes(), muted_by_ids=np.array([300]).tobytes())
    authors, asked, trace = feed(parts(state), "home", explain=True)
    assert (authors.tolist(), asked.relaxed) == ([], [])
    assert sum(len(rows) for rows in trace.removed.values()) == 40


def test_who_has_seen_everything_sees_it_again():
    everything = np.array([(1000 + row, NOW - 1000, 0, 0) for row in range(40)], EVENT)
    authors, asked, _ = feed(parts(UserState(history=everything.tobytes())), "home", limit=7)
    assert len(authors) == 7
    assert "seen" in asked.relaxed
    but_one = UserState(history=everything[1:].tobytes())
    authors, asked, _ = feed(parts(but_one), "home", limit=7)
    assert len(authors) == 1
    assert "seen" not in asked.relaxed


@pytest.mark.parametrize("surface", ["home", "explore"])
def test_pages_go_on_without_repeats_while_posts_come_and_go_until_nothing_is_left(surface):
    given = parts(UserState(following_ids=np.array([200]).tobytes()))
    live, shown, new = given.catalogue, [], 5000
    pipeline = surfaces(given)[surface]
    while True:
        asked, trace = query(live.posts, surface=surface, limit=7), Trace()
        asked.served = marks(np.array(shown, np.int64))
        asyncio.run(hydrate(pipeline, asked, trace))
        to_rank = replace(pipeline, steps=[])
        rows = execute(to_rank, asked, trace).rows[:7]
        if not len(rows):
            break
        shown += live.posts.post_ids[rows].tolist()
        if new < 5004:  # one comes, one goes
            live.apply([post(new), post(1000 + new % 1000, deleted=True)])
            new += 1
    assert len(shown) == len(set(shown))
    gone = {1000, 1001, 1002, 1003}
    assert set(shown) | gone == {*range(1000, 1040), *range(5000, 5004)}


def test_sources_reach_past_the_pages_before():
    few = Settings(quotas=Quotas(popular=5, fresh=5, long_term=5, trending=5))
    given = replace(parts(), settings=few)
    first, _, _ = feed(given, "explore")
    posts = given.catalogue.posts
    assert len(first) < 15
    served = posts.post_ids[:35].tolist()
    after, _, _ = feed(given, "explore", tuple(served))
    assert len(after) == 5


def test_what_is_taken_out_is_told_once_with_its_filter():
    tired = np.array([(200, 1, NOW // 1000)], FEWER)
    given = parts(UserState(fewer=tired.tobytes(), muted_ids=np.array([300]).tobytes()), recency_days=1)
    given.catalogue.apply([post(1039, author_id=100, moderation="removed")])
    _, asked, trace = feed(given, "home", limit=3, explain=True)
    removed = {
        name: len(rows) for name, rows in trace.removed.items() if name in ("muted", "recency", "feedback_fatigue")
    }
    assert removed == {"muted": 13, "recency": 10, "feedback_fatigue": 8}
    spans = {span.component.name: span for span in trace.spans}
    assert spans["recency"].candidates_in - spans["recency"].candidates_out == 10
    assert spans["feedback_fatigue"].candidates_in == spans["recency"].candidates_out
    assert asked.relaxed == []


def test_soft_filters_are_told_from_hard_ones():
    for pipeline in surfaces(parts()).values():
        assert all(isinstance(component, SoftFilter) for component in pipeline.soft_filters)
        assert not any(isinstance(component, SoftFilter) for component in [*pipeline.filters, *pipeline.steps])


@pytest.mark.parametrize("surface", ["home", "explore"])
def test_to_refresh_is_to_ask_for_something_else_as_far_as_there_is(surface):
    given = parts()
    ids = given.catalogue.posts.post_ids
    for shown, limit, relaxed in ((30, 10, []), (35, 10, ["shown_lately"])):
        asked_for = replace(given, store=Stored(NOBODY, tuple(ids[:shown].tolist())))
        everything, asked, _ = feed(asked_for, surface, limit=limit)
        assert (len(everything), asked.relaxed) == (40, []), "who does not ask for it is shown them"
        others, asked, trace = feed(asked_for, surface, limit=limit, refresh=True)
        assert len(others) == 10
        assert asked.relaxed == relaxed
        assert len(trace.removed["shown_lately"]) == 30


@pytest.mark.parametrize("surface", ["home", "explore"])
def test_with_a_bandit_each_surface_favours_one_of_its_own_sources_and_explores(surface):
    given = replace(parts(), bandit=SourceBandit(SOURCES, Bandit()))
    plain, pipeline = surfaces(replace(given, bandit=None))[surface], surfaces(given)[surface]
    assert [source.name for source in pipeline.sources] == [*(source.name for source in plain.sources), "exploration"]
    steps = [step.name for step in pipeline.steps]
    assert steps[0] == "explore"
    assert steps[steps.index("rerank") + 1] == "exploration_slot"
    assert [name for name in steps if name not in ("explore", "exploration_slot")] == [s.name for s in plain.steps]
    for _ in range(5):
        authors, asked, trace = feed(given, surface, limit=20)
        assert asked.favoured.source in {source.name for source in trace.sources}
        assert asked.explored.chance > 0
        assert set(asked.choices) == {"source", "exploration"}
        assert len(authors)
