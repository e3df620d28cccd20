"""The rules of re-ranking in whole feeds, from the settings to the answer, in this process."""

import asyncio
from collections import Counter

import msgspec
import numpy as np
import pytest

from cluster.rules import Rules
from cluster.settings import Settings
from cluster.user_state import EVENT, pack, unpack
from deployments.evaluation.replayer import Replayer, without_ads
from tests.deployments.evaluation.by_hand import release_of
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise
from training.evaluation.split import Split
from training.features.log import Log

SPLIT = Split(20240106, 20240107, 20240108)
USERS = np.arange(0, 120, 6)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    dataset = synthesise(Parameters(users=120, posts=800, days=8, seed=5), tmp_path_factory.mktemp("rules") / "world")
    return release_of(dataset, SPLIT), Log.load(dataset)


@pytest.fixture(scope="module")
def replayer(parts):
    release, log = parts

    def make(**rules) -> Replayer:
        replay = Replayer(release, log, without_ads(Settings(rules=Rules(**rules))))
        replay.advance(SPLIT.snapshot_ms(log), USERS)
        return replay

    return make


def test_feeds_keep_the_rules(parts, replayer):
    """Rules are tight enough to bind in this world of a dozen authors."""
    _, log = parts
    replay = replayer(author_cap=2, kind_share=0.5, kind_run=2)
    for feed in [asyncio.run(replay.feed(user, 10)) for user in log.users.ids[USERS].tolist()]:
        assert len(feed.items) == 10
        authors = Counter(item.author_id for item in feed.items)
        assert max(authors.values()) <= 2 or len(authors) < 5  # one user's candidates have four authors
        kinds = log.posts.kind[np.searchsorted(log.posts.ids, [item.post_id for item in feed.items])].tolist()
        assert Counter(kinds).most_common(1)[0][1] <= 5
        assert all(len(set(kinds[i : i + 3])) > 1 for i in range(8))


def test_refreshing_brings_other_authors(parts, replayer):
    """Two feeds in a row, of which the first was looked at: with memory fewer authors come again."""
    _, log = parts

    def known_authors(replay: Replayer) -> int:
        known = 0
        for user in log.users.ids[USERS].tolist():
            first = asyncio.run(replay.feed(user, 3))
            see(replay, user, [item.post_id for item in first.items], SPLIT.snapshot_ms(log) - 1000)
            second = asyncio.run(replay.feed(user, 3))
            known += len({item.author_id for item in second.items} & {item.author_id for item in first.items})
        return known

    assert known_authors(replayer()) < 0.7 * known_authors(replayer(served_decay=1.0))


def see(replay: Replayer, user: int, posts: list[int], time_ms: int) -> None:
    """Add impressions to the end of a user's history; nothing else is folded."""
    state = unpack(replay.states.blobs[user])
    shown = np.array([(post_id, time_ms, 0, 0) for post_id in posts], EVENT)
    replay.states.blobs[user] = pack(msgspec.structs.replace(state, history=state.history + shown.tobytes()))
