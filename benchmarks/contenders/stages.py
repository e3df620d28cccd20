"""The usual Ray Serve application: a deployment per stage, composed by handles, as in Ray's guide to composing models.

All is as Ray has it by default: one replica each, `@serve.batch` on the ranker. Between the stages travel Python
objects: the query, a dict per candidate, and the feature matrix as one array. Where there was a choice it is in favour
of this contender: intermediate results do not pass through the ingress, features are no dicts, all stages are
warmed up, and records for explanations are not kept.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from fastapi import FastAPI
from ray import serve

from benchmarks.contenders.bodies import FeedAnswer, FeedBody
from benchmarks.contenders.ground import Ground
from cluster.cursor import Cursors, marks
from cluster.settings import Settings
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import RemoteScorer
from deployments.pipeline.executor import Pipeline, execute, hydrate, note, run
from deployments.pipeline.query import Query
from deployments.pipeline.trace import Trace
from deployments.releases.bundle import Bundle
from deployments.replica import Replica

Message = dict[str, Any]
app = FastAPI()


class Stage:
    """What each deployment holds: release, stores, and what the pipeline does in its stage."""

    name: ClassVar[str]

    async def __init__(self, settings: Settings, ground: Ground) -> None:  # type: ignore[misc]  # Serve awaits it
        self._replica = Replica.open(settings, ground.clock, ground.urls)
        await self._replica.warm_up()
        self._replica.start()

    @property
    def bundle(self) -> Bundle:
        return self._replica.live

    def pipeline(self, surface: str) -> Pipeline:
        """Of a surface, with the steps of this stage alone, and with what follows from an answer."""
        pipeline = self.bundle.feeds.pipelines[surface]
        return replace(
            pipeline,
            steps=[step for step in pipeline.steps if step.stage == self.name],
            side_effects=[effect for effect in pipeline.side_effects if effect.name != "traces"],
        )

    def passed(self, message: Message) -> tuple[Message, Candidates]:
        """A message, and its candidates after the steps of this stage."""
        query, trace = message["query"], Trace()
        steps = [step for step in self.pipeline(query.request.surface).steps if not isinstance(step, RemoteScorer)]
        candidates = run(steps, query, self.columns(message), trace)
        return self.message(message, query, candidates, trace), candidates

    def message(self, before: Message, query: Query, candidates: Candidates, trace: Trace) -> Message:
        """What goes on to the next stage."""
        seconds = before.get("seconds", {}) | trace.stage_seconds()
        candidates_as_dicts = as_dicts(candidates, self.bundle.release.ranker.heads)
        return before | {"query": query, "candidates": candidates_as_dicts, "x": candidates.x, "seconds": seconds}

    def columns(self, message: Message) -> Candidates:
        """The candidates of a message."""
        return as_columns(message["candidates"], message["x"], self.bundle.release.ranker.heads)


def as_dicts(candidates: Candidates, heads: Sequence[str]) -> list[Message]:
    """A dict per candidate."""
    columns: dict[str, list[Any]] = {
        "row": candidates.rows.tolist(),
        "sources": candidates.sources.tolist(),
        "score": candidates.score.tolist(),
    }
    if candidates.reserved is not None:
        columns["reserved"] = candidates.reserved.tolist()
    if candidates.heads is not None:
        columns["heads"] = [dict(zip(heads, row, strict=True)) for row in candidates.heads.tolist()]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def as_columns(found: list[Message], x: Any, heads: Sequence[str]) -> Candidates:
    """The inverse of `as_dicts`; `x` are the features."""
    has = found[0].keys() if found else set()

    def column(name: str, dtype: Any) -> Any:
        return np.array([candidate[name] for candidate in found], dtype)

    return Candidates(
        rows=column("row", np.int32),
        sources=column("sources", np.uint32),
        score=column("score", np.float32),
        x=x,
        heads=_matrix(found, heads) if "heads" in has else None,
        reserved=column("reserved", np.bool_) if "reserved" in has else None,
    )


def _matrix(found: list[Message], heads: Sequence[str]) -> Any:
    return np.array([[candidate["heads"][head] for head in heads] for candidate in found], np.float32)


@serve.deployment
class Retrieval(Stage):
    """State, sources and filters."""

    name = "candidates"

    async def __call__(self, request: Message) -> Message:
        query, trace = self.bundle.feeds.query(FeedBody(**request).request()), Trace()
        pipeline = self.pipeline(query.request.surface)
        await hydrate(pipeline, query, trace)
        candidates = execute(pipeline, query, trace)
        told = {"source_names": [source.name for source in trace.sources], "coverage": trace.coverage}
        return self.message(told, query, candidates, trace)


@serve.deployment
class Features(Stage):
    """The feature matrix."""

    name = "features"

    async def __call__(self, message: Message) -> Message:
        return self.passed(message)[0]


@serve.deployment
class Ranker(Stage):
    """Pre-ranker, ranker and utility."""

    name = "scoring"

    @serve.batch  # type: ignore[untyped-decorator]
    async def __call__(self, messages: list[Message]) -> list[Message]:
        return [self.passed(message)[0] for message in messages]


@serve.deployment
class ReRanker(Stage):
    """Rules, side effects, and the answer."""

    name = "rules"

    async def __init__(self, settings: Settings, ground: Ground) -> None:  # type: ignore[misc]
        await Stage.__init__(self, settings, ground)
        self._cursors = Cursors.of(settings)

    async def __call__(self, message: Message) -> Message:
        ranked, candidates = self.passed(message)
        query: Query = ranked["query"]
        note(self.pipeline(query.request.surface), query, candidates, Trace())
        rows, posts = candidates.rows, self.bundle.catalogue.posts
        query_served = np.concatenate([query.served, marks(posts.post_ids[rows])])
        total_s = time.monotonic() - (query.deadline - query.allowed_s)
        timings = {**ranked["seconds"], "total": total_s}
        return {
            "request_id": query.request_id,
            "release": self.bundle.name,
            "items": [
                {
                    "post_id": int(posts.post_ids[candidate["row"]]),
                    "author_id": int(posts.author_ids[posts.columns.author[candidate["row"]]]),
                    "score": round(candidate["score"], 6),
                    "heads": {head: round(value, 6) for head, value in candidate.get("heads", {}).items()},
                    "sources": _names(candidate["sources"], ranked["source_names"]),
                    "ad": ad,
                }
                for candidate, ad in zip(ranked["candidates"], self._ads(candidates), strict=True)
            ],
            "cold_start": query.cold_start,
            "degraded": query.degraded,
            "relaxed": query.relaxed,
            "coverage": round(ranked["coverage"], 3),
            "timings_ms": {stage: round(seconds * 1e3, 3) for stage, seconds in timings.items()},
            "arms": query.arms,
            "cursor": self._cursors.write(query.request.user_id, query.request.surface, query_served),
        }

    def _ads(self, candidates: Candidates) -> list[bool]:
        ads: list[bool] = self.bundle.catalogue.ads.among(candidates.rows).tolist()
        return ads


def _names(mask: int, sources: Sequence[str]) -> list[str]:
    return [name for s, name in enumerate(sources) if mask >> s & 1]


@serve.deployment
@serve.ingress(app)
class Ingress:
    """HTTP, and the order of the stages."""

    def __init__(self, retrieval: Any, features: Any, ranker: Any, reranker: Any) -> None:
        self._retrieval = retrieval
        self._features = features
        self._ranker = ranker
        self._reranker = reranker

    @app.post("/v1/feed", response_model=FeedAnswer)
    async def feed(self, body: FeedBody) -> Any:
        found = self._retrieval.remote(body.model_dump())
        ranked = self._ranker.remote(self._features.remote(found))
        return await self._reranker.remote(ranked)


def application(settings: Settings, ground: Ground) -> Any:
    """The Serve application."""
    stages: list[Any] = [Retrieval, Features, Ranker, ReRanker]
    ingress: Any = Ingress
    return ingress.bind(*(stage.bind(settings, ground) for stage in stages))
