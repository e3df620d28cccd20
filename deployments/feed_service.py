"""The feed, without HTTP and without Ray: from a decoded request to the answer."""

import asyncio
import time
import uuid
from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace

from cluster.clock import Clock
from cluster.cursor import Cursors, marks
from cluster.experiments import arms_of
from cluster.settings import Settings
from cluster.user_state import TopicCodes, UserState
from cluster.vocabulary import UNKNOWN
from cluster.wire import Context, FeedRequest, FeedResponse, Item
from deployments.admission.admission import Visit
from deployments.catalogue.catalogue import Catalogue
from deployments.explaining.explanation import explained
from deployments.explaining.tracing import Tracer
from deployments.loaded_release import LoadedRelease
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.executor import Pipeline, hydrate, in_pieces, note
from deployments.pipeline.parts import whole
from deployments.pipeline.query import Query
from deployments.pipeline.trace import Trace
from kernels.columns import ContextColumns


class FeedService:
    """Answers feed requests from one release. One instance a process; safe for many tasks of one event loop."""

    def __init__(
        self,
        release: LoadedRelease,
        catalogue: Catalogue,
        pipelines: Mapping[str, Pipeline],
        clock: Clock,
        settings: Settings,
        cursors: Cursors,
    ) -> None:
        self._release = release
        self._catalogue = catalogue
        self.pipelines = pipelines  # by surface
        self._clock = clock
        self._deadline_ms = settings.serving.deadline_ms
        self._experiments = settings.experiments
        self._cursors = cursors
        self._tracer = Tracer(release.release.name, release.ranker.heads, catalogue)
        self._nobody = UserState().columns(release.posts, {}, TopicCodes({}))
        self._codes = {
            name: getattr(release.vocabularies, name).codes()
            for name in ("surface", "device", "connection", "app_version", "region")
        }

    async def answer(self, request: FeedRequest, started: float, visit: Visit | None = None) -> FeedResponse:
        """Answer a request that came at `started` (time.perf_counter). Raises InvalidField, and TooBusy where `visit`
        does; without one it waits for nobody.

        The arithmetic runs on the event loop: it takes a few milliseconds, and handing it to a thread cost a third of
        the throughput, for the two fight over the interpreter's lock.
        """
        query, trace, pipeline = self.query(request), Trace(), self.pipelines[request.surface]
        await hydrate(pipeline, query, trace)
        if visit is None:
            candidates = await whole(in_pieces(pipeline, query, trace))
        else:
            query.quality, query.allowed_s = visit.quality, min(query.allowed_s, visit.work_s)
            candidates = await visit.run(in_pieces(pipeline, query, trace))
        note(pipeline, query, candidates, trace)
        trace.seconds = time.perf_counter() - started
        if not request.explain:
            return self._response(query, candidates, trace)
        told = await asyncio.to_thread(explained, self._tracer.traced(query, candidates, trace), self._release.ranker)
        return replace(told, cursor=self._cursor(query, candidates), quality=query.told_quality)

    def query(self, request: FeedRequest) -> Query:
        """A request on its way, of whose user nothing is known yet. Raises InvalidField for a bad cursor."""
        context, served = request.context, np.zeros(0, np.uint32)
        if request.cursor is not None:
            served = self._cursors.read(request.cursor, request.user_id, request.surface)
        now_ms = self._clock.now_ms() if context.time_ms is None else context.time_ms
        deadline_ms = request.deadline_ms or self._deadline_ms
        return Query(
            request=request,
            request_id=uuid.uuid4().hex,
            now_ms=now_ms,
            deadline=time.monotonic() + deadline_ms / 1e3,
            allowed_s=deadline_ms / 1e3,
            context=self._context(request.surface, context, now_ms),
            state=UserState(),
            user=self._nobody,
            arms=arms_of(self._experiments, request.user_id),
            served=served,
        )

    def _context(self, surface: str, context: Context, now_ms: int) -> ContextColumns:
        def code(name: str, value: str | None) -> np.ndarray:
            return np.array([self._codes[name].get(value, UNKNOWN)], np.int16)

        return ContextColumns(
            user=np.zeros(1, np.int32),
            time_ms=np.array([now_ms], np.int64),
            known_ms=np.array([now_ms], np.int64),
            utc_offset_ms=np.array([self._release.release.manifest.utc_offset_ms], np.int64),
            surface=code("surface", surface),
            device=code("device", context.device),
            connection=code("connection", context.connection),
            app_version=code("app_version", context.app_version),
            region=code("region", context.region),
        )

    def _response(self, query: Query, feed: Candidates, trace: Trace) -> FeedResponse:
        return FeedResponse(
            request_id=query.request_id,
            release=self._release.release.name,
            items=self._items(feed, trace),
            cold_start=query.cold_start,
            degraded=query.degraded,
            relaxed=query.relaxed,
            arms=query.arms,
            coverage=round(trace.coverage, 3),
            timings_ms=trace.timings_ms(),
            cursor=self._cursor(query, feed),
            quality=query.told_quality,
        )

    def _cursor(self, query: Query, feed: Candidates) -> str | None:
        """What to go on with behind this page; nothing comes after an empty one."""
        if not len(feed):
            return None
        shown = marks(self._catalogue.posts.post_ids[feed.rows])
        return self._cursors.write(query.request.user_id, query.request.surface, np.concatenate([query.served, shown]))

    def _items(self, feed: Candidates, trace: Trace) -> list[Item]:
        posts = self._catalogue.posts
        post_ids = posts.post_ids[feed.rows].tolist()
        author_ids = posts.author_ids[posts.columns.author[feed.rows]].tolist()
        scores = feed.score.astype(np.float64).round(6).tolist()
        heads: list[dict[str, float]] = [{} for _ in post_ids]
        if feed.heads is not None:
            names = self._release.ranker.heads
            heads = [dict(zip(names, row, strict=True)) for row in feed.heads.astype(np.float64).round(6).tolist()]
        named = {mask: _source_names(mask, trace) for mask in set(feed.sources.tolist())}
        sources = [named[mask] for mask in feed.sources.tolist()]
        ads = self._catalogue.ads.among(feed.rows).tolist()
        return [Item(*fields) for fields in zip(post_ids, author_ids, scores, heads, sources, ads, strict=True)]


def _source_names(mask: int, trace: Trace) -> list[str]:
    return [source.name for s, source in enumerate(trace.sources) if mask >> s & 1]
