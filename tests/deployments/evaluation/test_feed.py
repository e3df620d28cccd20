"""Replay of whole feeds by a release whose models are made by hand, in this process."""

import asyncio
from io import StringIO

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from cluster.errors import InvalidField
from cluster.settings import Settings
from deployments.evaluation.cli import document, feed, tables
from deployments.evaluation.feed import ORACLE, evaluate_feed
from deployments.evaluation.replayer import Replayer, without_ads
from kernels.actions import ACTIONS
from tests.deployments.evaluation.by_hand import release_of
from training.data.dataset import write_dataset
from training.data.progress import silent
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise
from training.evaluation.held_out import HeldOut
from training.evaluation.occasions import Occasions
from training.evaluation.split import Split
from training.features.log import Log

#: The world has eight days, from 1 January 2024.
SPLIT = Split(20240106, 20240107, 20240108)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return synthesise(Parameters(users=120, posts=800, days=8, seed=5), tmp_path_factory.mktemp("feeds") / "world")


def replayer(dataset) -> Replayer:
    return Replayer(release_of(dataset, SPLIT), Log.load(dataset), without_ads(Settings()))


def scrambled(dataset, folder):
    """The data set with all that happened after 6 January dealt out anew."""
    impressions = dataset.read("impressions")
    later = np.flatnonzero(dataset.dates(impressions) > SPLIT.train_until)
    order = np.arange(impressions.num_rows)
    order[later] = np.random.default_rng(0).permutation(later)
    for name in ("post_id", "watch_ms", *ACTIONS):
        at = impressions.column_names.index(name)
        impressions = impressions.set_column(at, name, impressions[name].take(pa.array(order)))
    tables = {name: dataset.read(name) for name in dataset.manifest.rows} | {"impressions": impressions}
    return write_dataset(folder, "scrambled", tables, dataset.manifest.utc_offset_minutes, {})


def feeds_of(replayer, time_ms, users, ids):
    async def ask():
        replayer.advance(time_ms, users)
        return [await replayer.feed(int(ids[user]), 30) for user in users.tolist()]

    return [
        [(item.post_id, item.score, item.heads, item.sources) for item in feed.items] for feed in asyncio.run(ask())
    ]


def test_a_feed_of_a_morning_knows_nothing_of_the_day(world, tmp_path):
    log = Log.load(world)
    morning, users = SPLIT.snapshot_ms(log), np.arange(0, 120, 5)
    other = scrambled(world, tmp_path / "scrambled")
    honest, blind = replayer(world), replayer(other)
    feeds = feeds_of(honest, morning, users, log.users.ids)
    assert feeds == feeds_of(blind, morning, users, log.users.ids)
    assert all(len(feed) == 30 for feed in feeds)
    assert len({tuple(post for post, *_ in feed) for feed in feeds}) > 15
    # On the next one it does.
    next_morning = morning + 86_400_000
    assert feeds_of(honest, next_morning, users, log.users.ids) != feeds_of(blind, next_morning, users, log.users.ids)


def test_nobody_is_shown_what_they_saw_or_what_is_not_out_yet(world):
    log = Log.load(world)
    occasions = Occasions.draw(world, log, SPLIT, 20, seed=2)
    replay = replayer(world)
    for time_ms in np.unique(occasions.time_ms).tolist():
        today = np.flatnonzero(occasions.time_ms == time_ms)
        feeds = feeds_of(replay, time_ms, occasions.user[today], log.users.ids)
        for f, shown in zip(today.tolist(), feeds, strict=True):
            rows = np.searchsorted(log.posts.ids, [post for post, *_ in shown])
            assert log.posts.created_ms[rows].max() <= time_ms
            if occasions.shown[f].nnz <= 100:  # all of it is in the history
                assert occasions.open_posts(log, f)[rows].all()


def test_the_pipeline_is_measured_beside_what_is_simpler_and_what_is_best(world):
    result = evaluate_feed(Settings(), world, SPLIT, release_of(world, SPLIT), 40, 1, silent)
    assert result.users == 40 <= result.occasions <= 80
    assert result.positives > 0
    assert result.degraded == 0
    all_sources = {"long_term", "following", "similar_creators", "popular", "trending", "fresh"}
    assert {"long_term", "popular"} <= set(result.sources) <= all_sources
    assert max(result.sources.values()) <= 1 <= sum(result.sources.values())
    assert list(result.quality) == ["pipeline", "popular", "random", ORACLE]
    liked = {name: quality.of_lists["true_long_view@10"] for name, quality in result.quality.items()}
    assert liked["random"].high < liked["pipeline"].low
    assert liked["pipeline"].high < liked[ORACLE].low
    for quality in result.quality.values():
        assert all(0 <= share <= 1 for share in quality.of_all.values())
        for depth in (10, 50):
            recall, hit_rate = quality.of_lists[f"recall@{depth}"], quality.of_lists[f"hit_rate@{depth}"]
            assert 0 <= recall.low <= recall.value <= recall.high <= 1
            assert recall.value <= hit_rate.value
    told = document(result, {"train_until": SPLIT.train_until})
    assert told["quality"]["pipeline"]["recall@10"] == result.quality["pipeline"].of_lists["recall@10"].value
    assert told["intervals"]["pipeline"]["novelty@50"][0] <= told["quality"]["pipeline"]["novelty@50"]
    console = Console(width=200, file=StringIO())
    for table in tables(result, {"train_until": SPLIT.train_until}):
        console.print(table)
    printed = console.file.getvalue()
    for word in (*result.quality, *result.sources, "coverage@10", "gini@50", "distance@10", "train_until 20240106"):
        assert word in printed


def test_feeds_of_nobody_are_refused():
    with pytest.raises(InvalidField, match="--users has value 0: must be at least 1"):
        feed(days=HeldOut(train_until="20240106", test="20240107"), users=0)
