"""How newcomers and new creators fare: people of a synthetic world meet the pipeline, and act by their truth.

A closed loop: what people do is folded into their state by the code that serves, and their next page is made of that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cluster.errors import CascadeError
from cluster.events import Event
from cluster.settings import Settings
from cluster.user_state import UserState, pack, unpack
from cluster.wire import FeedRequest, FeedResponse, Item
from deployments.catalogue.catalogue import first_published
from deployments.consumers.user_fold import fold
from deployments.evaluation.replayer import Replayer, without_ads
from deployments.loaded_release import LoadedRelease
from kernels.actions import ACTIONS, BIT, POSITIVE
from kernels.columns import DAY_MS, I64
from training.data.dataset import DataSet
from training.data.progress import Progress
from training.data.synth.behaviour import F64, Answer
from training.data.synth.world import World
from training.evaluation.oracle import is_synthetic
from training.evaluation.split import Split
from training.features.log import Log

#: What is liked: the true chance of this.
LABEL: Final = "long_view"
PAGE: Final = 10
#: Positions in which exposure is counted.
DEPTH: Final = 50
#: Between two pages, and between two posts of one.
_PAUSE_MS: Final = 60_000
_POST_MS: Final = 3_000
#: What is added to a person's id to make them somebody of whom no release has heard.
_STRANGER: Final = 10**15
_POSITIVE: Final = [i for i, action in enumerate(ACTIONS) if BIT[action] & POSITIVE]

#: Posts of the next page, by person and number of the page, with what came of the page before (None: the first page).
Way = Callable[[int, int, Answer | None], Awaitable[I64]]


@dataclass(frozen=True, slots=True)
class Welcome:
    """How people fared who were shown page after page in one way."""

    liked: F64  # [pages] mean true chance of LABEL of a page's posts
    engaged: F64  # [pages] share of the people who had done something positive by the end of the page
    posts_before: float  # mean posts that were shown up to the first one engaged with; all of them, where none was


@dataclass(frozen=True, slots=True)
class Exposure:
    """What known people's feeds are made of."""

    new_creators: float  # share of the positions
    new_posts: float  # likewise, of posts of the last day
    liked: float  # mean true chance of LABEL


@dataclass(frozen=True, slots=True)
class ColdStart:
    people: int
    welcome: dict[str, Welcome]  # by way
    exposure: dict[str, Exposure]  # with the floor for new creators, and without
    catalogue: Exposure  # the same shares of all posts there are; `liked` of the same people


def evaluate_cold_start(
    settings: Settings,
    dataset: DataSet,
    split: Split,
    release: LoadedRelease,
    people: int,
    pages: int,
    seed: int,
    progress: Progress,
) -> ColdStart:
    """Show up to `people` people `pages` pages on the first test morning, as newcomers and in other ways.

    Raises CascadeError for a data set that is not synthetic: nobody knows what people would have done there.
    """
    if not is_synthetic(dataset):
        raise CascadeError(f"{dataset.folder} is not a synthetic world", "make one with `cascade data synth`")
    log, world = Log.load(dataset), World.load(dataset.folder)
    now_ms = split.snapshot_ms(log)
    rows = np.random.default_rng(seed).permutation(len(log.users.ids))[:people].astype(np.int64)
    settings = without_ads(settings)
    replayer = Replayer(release, log, settings)
    replayer.advance(now_ms, rows)
    loop = _Loop(replayer, log, world, now_ms)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(log.posts.created_ms < now_ms))
    ways: dict[str, Way] = {
        "newcomer": loop.newcomer,
        "newcomer, nothing learned": loop.unheard,
        "known": loop.known,
        "popular": _page_of(np.asarray(release.popular), log),
        "random": _page_of(order, log),
    }
    welcome = {}
    for w, (name, way) in enumerate(ways.items()):
        welcome[name] = asyncio.run(_welcome(way, world, log.users.ids[rows], now_ms, pages, seed))
        progress("welcome newcomers", w + 1, len(ways))
    without = settings.model_copy(update={"rules": settings.rules.model_copy(update={"creator_floor": 0.0})})
    exposure = {}
    for name, how in {"floor": settings, "no floor": without}.items():
        other = Replayer(release, log, how)
        other.advance(now_ms, rows)
        exposure[name] = asyncio.run(_exposure(other, settings, world, log, rows, now_ms))
    there = np.flatnonzero(log.posts.created_ms < now_ms)
    return ColdStart(len(rows), welcome, exposure, _shares(settings, world, log, rows, [there] * len(rows), now_ms))


class _Loop:
    """People who ask, act, and are heard, or not."""

    def __init__(self, replayer: Replayer, log: Log, world: World, now_ms: int) -> None:
        self._replayer = replayer
        self._log = log
        self._now_ms = now_ms
        self._last: dict[int, FeedResponse] = {}

    async def newcomer(self, user_id: int, page: int, before: Answer | None) -> I64:
        if before is not None:
            self._hear(user_id, page, before)
        return await self._ask(_STRANGER + user_id, page)

    async def unheard(self, user_id: int, page: int, before: Answer | None) -> I64:
        return await self._ask(2 * _STRANGER + user_id, page)

    async def known(self, user_id: int, page: int, before: Answer | None) -> I64:
        return await self._ask(user_id, page)

    async def _ask(self, user_id: int, page: int) -> I64:
        cursor = self._last[user_id].cursor if page else None
        request = FeedRequest(user_id=user_id, limit=PAGE, cursor=cursor)
        answer = self._last[user_id] = await self._replayer.answer(request, page * _PAUSE_MS)
        return np.array([item.post_id for item in answer.items], np.int64)

    def _hear(self, user_id: int, page: int, before: Answer) -> None:
        """Fold what was done with the page before into the state."""
        stranger, states = _STRANGER + user_id, self._replayer.states.blobs
        begin_ms = self._now_ms + (page - 1) * _PAUSE_MS
        events = [
            event
            for k, item in enumerate(self._last[stranger].items)
            for event in self._events(stranger, item, k, begin_ms + k * _POST_MS, before)
        ]
        state = unpack(states[stranger]) if stranger in states else UserState()
        folded = fold(events, {stranger: state}, {}, self._log.utc_offset_ms)
        states[stranger] = pack(folded.states[stranger])

    def _events(self, user_id: int, item: Item, k: int, time_ms: int, did: Answer) -> list[Event]:
        topic = self._log.posts.topic[np.searchsorted(self._log.posts.ids, item.post_id)]
        name = self._log.vocabularies.topic.values[topic - 1] if topic else None
        done = [action for i, action in enumerate(ACTIONS) if did.actions[k, i]]
        watched = int(did.watch_ms[k])
        return [
            Event(
                event_id=f"{user_id}-{item.post_id}-{action}",
                user_id=user_id,
                action=action,
                time_ms=time_ms,
                post_id=item.post_id,
                author_id=item.author_id,
                watch_ms=watched if action == "view" else None,
                topic=name,
            )
            for action in ["impression", *(["view"] if watched else []), *done]
        ]


def _page_of(rows: I64, log: Log) -> Way:
    """Pages of posts in one order, the same for all."""

    async def page_of(user_id: int, page: int, before: Answer | None) -> I64:
        ids: I64 = log.posts.ids[rows[page * PAGE : (page + 1) * PAGE]]
        return ids

    return page_of


async def _welcome(way: Way, world: World, users: I64, now_ms: int, pages: int, seed: int) -> Welcome:
    liked, engaged = np.zeros(pages), np.zeros(pages)
    posts_before = 0
    for user in users.tolist():
        did: Answer | None = None
        first = shown = 0
        for page in range(pages):
            posts, time_ms = await way(user, page, did), now_ms + page * _PAUSE_MS
            did = world.act(user, posts, time_ms, np.random.default_rng((seed, user, page)))
            liked[page] += world.probabilities(user, posts, time_ms)[LABEL].mean()
            positive = np.flatnonzero(did.actions[:, _POSITIVE].any(axis=1))
            if not first and len(positive):
                first = shown + int(positive[0]) + 1
            shown += len(posts)
            engaged[page] += first > 0
        posts_before += first or shown
    return Welcome(liked / len(users), engaged / len(users), posts_before / len(users))


async def _exposure(replayer: Replayer, settings: Settings, world: World, log: Log, rows: I64, now_ms: int) -> Exposure:
    feeds = []
    for user in log.users.ids[rows].tolist():
        answer = await replayer.answer(FeedRequest(user_id=user, limit=DEPTH))
        feeds.append(np.searchsorted(log.posts.ids, [item.post_id for item in answer.items]))
    return _shares(settings, world, log, rows, feeds, now_ms)


def _shares(settings: Settings, world: World, log: Log, rows: I64, feeds: Sequence[I64], now_ms: int) -> Exposure:
    """What feeds of post rows are made of, each feed of one user's."""
    posts = log.posts
    since_ms = first_published(posts.author, posts.created_ms, len(posts.author_ids))
    new_creator = now_ms - since_ms[posts.author] < settings.rules.new_creator_days * DAY_MS
    new_post = now_ms - posts.created_ms < DAY_MS
    shown = np.concatenate(feeds)
    liked = [
        world.probabilities(user, posts.ids[feed], now_ms)[LABEL].mean()
        for user, feed in zip(log.users.ids[rows].tolist(), feeds, strict=True)
    ]
    return Exposure(float(new_creator[shown].mean()), float(new_post[shown].mean()), float(np.mean(liked)))
