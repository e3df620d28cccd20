"""Replay of whole feeds: what the pipeline would have shown on held-out mornings, and what it would have been worth."""

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cluster.release import Releases
from cluster.settings import Settings
from deployments.evaluation.replayer import Replayer, without_ads
from deployments.loaded_release import LoadedRelease
from kernels.columns import I32, I64
from training.data.dataset import DataSet
from training.data.progress import Progress
from training.evaluation.beyond_accuracy import NONE
from training.evaluation.feed_quality import DEPTHS, FeedQuality, best_unseen, measure_feeds
from training.evaluation.occasions import Occasions
from training.evaluation.oracle import FeedOracle, is_synthetic
from training.evaluation.ranking import LABEL
from training.evaluation.split import Split
from training.features.log import Log
from training.release.build import build_release

#: The best feed by a synthetic world's truth.
ORACLE = "oracle (truth)"


@dataclass(frozen=True, slots=True)
class FeedResult:
    users: int
    occasions: int  # mornings of those users
    positives: int  # posts that they came to like on these days
    quality: dict[str, FeedQuality]  # of the pipeline's feeds, and of what they are held against
    sources: dict[str, float]  # share of the pipeline's posts that each source brought; some come from several
    degraded: int  # feeds that were answered without some component


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the pipeline answered on F occasions."""

    feeds: I64  # [F, K] post rows, NONE where a feed is shorter
    sources: dict[str, float]
    degraded: int


def release_of(settings: Settings, dataset: DataSet, split: Split, work: Path) -> LoadedRelease:
    """A release of the models in `work`, of what was known at the end of `split.train_until`. It leaves no files."""
    with tempfile.TemporaryDirectory() as folder:
        # What is mapped from files stays readable after they are gone.
        encoder = settings.catalogue.encoder
        built = build_release(Releases(Path(folder)), dataset, work, encoder, ("", ""), split.train_until)
        return LoadedRelease.load(built)


def evaluate_feed(
    settings: Settings,
    dataset: DataSet,
    split: Split,
    release: LoadedRelease,
    users: int,
    seed: int,
    progress: Progress,
) -> FeedResult:
    """Feeds at the beginning of each test day, for up to `users` users who came on it.

    Made by `release`, which knows nothing after `split.train_until`, with the state of the moment. Beside them: what
    was popular at the end of training, a random choice, and for a synthetic world the posts with the greatest true
    chance of a long view; all without posts that the user had been shown.
    """
    log = Log.load(dataset)
    occasions = Occasions.draw(dataset, log, split, users, seed)
    replayed = asyncio.run(replay(Replayer(release, log, without_ads(settings)), occasions, log, progress))
    feeds = {"pipeline": replayed.feeds, **_baselines(occasions, log, np.asarray(release.popular), seed)}
    oracle = FeedOracle(dataset, log, LABEL) if is_synthetic(dataset) else None
    truth = {}
    if oracle:
        feeds[ORACLE] = best_unseen(occasions, log, lambda f: oracle.of_posts(occasions, f), max(DEPTHS))
        truth = {name: {f"true_{LABEL}": oracle.of_feeds(occasions, shown)} for name, shown in feeds.items()}
    before = log.impressions.post[log.rows_between(0, split.snapshot_ms(log))]
    impressions = np.bincount(before, minlength=len(log.posts.ids))
    return FeedResult(
        users=len(np.unique(occasions.user)),
        occasions=len(occasions),
        positives=int(occasions.liked.nnz),
        quality={
            name: measure_feeds(occasions, log, impressions, shown, truth.get(name)) for name, shown in feeds.items()
        },
        sources=replayed.sources,
        degraded=replayed.degraded,
    )


async def replay(replayer: Replayer, occasions: Occasions, log: Log, progress: Progress) -> Replayed:
    """Ask for a feed on each occasion, day by day."""
    feeds = np.full((len(occasions), max(DEPTHS)), NONE)
    brought: Counter[str] = Counter()
    degraded = shown = 0
    for time_ms in np.unique(occasions.time_ms).tolist():
        today = np.flatnonzero(occasions.time_ms == time_ms).tolist()
        replayer.advance(time_ms, occasions.user[today])
        for f in today:
            answer = await replayer.feed(int(log.users.ids[occasions.user[f]]), feeds.shape[1])
            rows = np.searchsorted(log.posts.ids, [item.post_id for item in answer.items])
            feeds[f, : len(rows)] = rows
            brought.update(source for item in answer.items for source in item.sources)
            degraded, shown = degraded + bool(answer.degraded), shown + len(rows)
            progress("replay feeds", f + 1, len(occasions))
    return Replayed(feeds, {name: count / shown for name, count in brought.most_common()}, degraded)


def _baselines(occasions: Occasions, log: Log, popular: I32, seed: int) -> dict[str, I64]:
    rank = np.empty(len(popular))
    rank[popular] = np.arange(len(popular))
    rng = np.random.default_rng(seed)
    return {
        "popular": best_unseen(occasions, log, lambda _: -rank, max(DEPTHS)),
        "random": best_unseen(occasions, log, lambda _: rng.random(len(rank)), max(DEPTHS)),
    }
