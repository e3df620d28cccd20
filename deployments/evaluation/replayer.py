"""The pipeline as it serves, put back to moments of a log: with all that was known then, and nothing else."""

import time

from msgspec.structs import replace

from cluster.ads import Ads
from cluster.clock import Clock
from cluster.cursor import Cursors
from cluster.settings import Settings
from cluster.wire import MAX_DEADLINE_MS, FeedRequest, FeedResponse
from deployments.bandit.source_bandit import SourceBandit
from deployments.catalogue.catalogue import Catalogue
from deployments.consumers.trend_lists import trend_lists
from deployments.counters.live_counters import LiveCounters
from deployments.feed_service import FeedService
from deployments.loaded_release import LoadedRelease
from deployments.surfaces.parts import Parts
from deployments.surfaces.surfaces import surfaces
from kernels.columns import I64
from training.features.history import History
from training.features.log import Log
from training.features.states import post_records, user_states

#: Columns of posts that move while a release is served.
_LIVE = ("counts", "counted_ms", "author_counts", "author_counted_ms", "author_posts", "prior")


class States:
    """Users' states in memory, where the state store has them."""

    def __init__(self) -> None:
        self.blobs: dict[int, bytes] = {}

    async def read_user(self, user_id: int) -> bytes | None:
        return self.blobs.get(user_id)

    async def read_shown(self, user_id: int) -> bytes | None:
        return None


def without_ads(settings: Settings) -> Settings:
    """The settings where feeds are judged: what advertisers pay for says nothing of how well feeds are made."""
    return settings.model_copy(update={"ads": Ads(slots=[])})


class Replayer:
    """One release, built of the same posts as `log`, and the state that the log's events had made so far.

    Users, counters and trends are those of the moment; trends by region alone are not known, as in a store that was
    just filled. The release, with what is popular, stays as it was built.
    """

    def __init__(
        self, release: LoadedRelease, log: Log, settings: Settings, bandit: SourceBandit | None = None
    ) -> None:
        self._log = log
        self._history = History(log)
        #: Users as requests find them.
        self.states = States()
        self._catalogue = Catalogue(release, settings.catalogue)
        self._counters = LiveCounters(self._catalogue)
        parts = Parts(release, self._catalogue, self._counters, self.states, settings, bandit=bandit)
        pipelines = surfaces(parts)
        cursors = Cursors.of_this_process()
        self._feeds = FeedService(release, self._catalogue, pipelines, Clock(), settings, cursors)
        self._now_ms = 0

    def advance(self, time_ms: int, users: I64) -> None:
        """Go on to a later moment, and load the states of the user rows `users`."""
        log, history = self._log, self._history
        history.advance(time_ms)
        columns = self._catalogue.posts.columns
        for name in _LIVE:
            getattr(columns, name)[...] = getattr(history.posts, name)
        self._counters.take_trending(trend_lists(log.posts.ids, post_records(log, history), time_ms))
        self.states.blobs = dict(user_states(log, history, time_ms, users))
        self._now_ms = time_ms

    async def feed(self, user_id: int, limit: int) -> FeedResponse:
        """What the user would have been shown on the home surface."""
        return await self.answer(FeedRequest(user_id=user_id, limit=limit))

    async def answer(self, request: FeedRequest, later_ms: int = 0) -> FeedResponse:
        """The answer to a request of this moment, or a little later, with all the time it needs."""
        context = replace(request.context, time_ms=self._now_ms + later_ms)
        now = replace(request, deadline_ms=MAX_DEADLINE_MS, context=context)
        return await self._feeds.answer(now, time.perf_counter())
