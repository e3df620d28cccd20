"""The executor: runs a pipeline's components in order, times them, and answers without those that fail."""

import logging
import time
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np

from cluster.store.breaker import StoreUnavailable
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import (
    Component,
    Filter,
    Hydrator,
    MissingInput,
    QueryHydrator,
    Scorer,
    Selector,
    SideEffect,
    Source,
)
from deployments.pipeline.query import Query
from kernels.columns import I32
from kernels.merge import merge_sources

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=Sized)
Step = Filter | Hydrator | Scorer | Selector


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A surface: the components that make its feed, in the order in which they run."""

    query_hydrators: Sequence[QueryHydrator]
    sources: Sequence[Source]
    steps: Sequence[Step]
    posts: Sized  # the catalogue: how many rows there are
    side_effects: Sequence[SideEffect] = ()

    @property
    def components(self) -> list[Component]:
        return [*self.query_hydrators, *self.sources, *self.steps, *self.side_effects]


class DeadlinePassed(Exception):
    """A component was not begun, because its request is late."""


class Span(NamedTuple):
    """One component's part in one request."""

    component: Component
    seconds: float
    candidates_in: int
    candidates_out: int


@dataclass(slots=True)
class Trace:
    """What happened to one request."""

    spans: list[Span] = field(default_factory=list)
    removed: dict[str, I32] = field(default_factory=dict)  # component -> post rows that it took out
    sources: list[Source] = field(default_factory=list)  # bit s of Candidates.sources is sources[s]
    asked: int = 0  # sources that were enabled, whether or not they answered

    @property
    def coverage(self) -> float:
        """Share of the enabled sources that answered."""
        return len(self.sources) / self.asked if self.asked else 1.0

    def stage_seconds(self) -> dict[str, float]:
        """Time spent in each stage."""
        seconds: dict[str, float] = {}
        for span in self.spans:
            seconds[span.component.stage] = seconds.get(span.component.stage, 0.0) + span.seconds
        return seconds


async def hydrate(pipeline: Pipeline, query: Query, trace: Trace) -> None:
    """Run the query hydrators: the part of a request that waits."""
    for hydrator in pipeline.query_hydrators:
        if hydrator.enabled(query):
            started = time.perf_counter()
            try:
                await hydrator.hydrate(query)
            except Exception as error:
                _degrade(hydrator, query, error)
            trace.spans.append(Span(hydrator, time.perf_counter() - started, 0, 0))


def execute(pipeline: Pipeline, query: Query, trace: Trace) -> Candidates:
    """Run all that is arithmetic, sources to selectors. Most of it is in kernels, without the GIL."""
    candidates = _gather(pipeline, query, trace)
    for step in pipeline.steps:
        if step.enabled(query) and len(candidates):
            before = candidates
            result = _attempt(step, query, trace, len(before), partial(_verb(step), query, before))
            candidates = before if result is None else result
            if query.request.explain and len(candidates) < len(before):
                trace.removed[step.name] = np.setdiff1d(before.rows, candidates.rows)
    return candidates


def note(pipeline: Pipeline, query: Query, feed: Candidates, trace: Trace) -> None:
    """Let the side effects know what is answered. One that fails is logged; the answer is none the worse."""
    for effect in pipeline.side_effects:
        if effect.enabled(query):
            started = time.perf_counter()
            try:
                effect.note(query, feed)
            except Exception:
                logger.exception("side effect %s failed", effect.name)
            trace.spans.append(Span(effect, time.perf_counter() - started, len(feed), len(feed)))


def _gather(pipeline: Pipeline, query: Query, trace: Trace) -> Candidates:
    """Ask every source; merge what they bring, round robin, without repeats."""
    lists = []
    for source in pipeline.sources:
        if source.enabled(query):
            trace.asked += 1
            rows = _attempt(source, query, trace, 0, partial(source.fetch, query))
            if rows is not None:
                lists.append(rows)
                trace.sources.append(source)
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    rows = np.concatenate([np.zeros(0, np.int32), *lists])
    merged = merge_sources(rows, offsets, len(rows), len(pipeline.posts))
    # Source order is the first score: with everything else failing, it still is an order.
    return Candidates(merged.rows, merged.sources, np.arange(0, -len(merged.rows), -1, dtype=np.float32))


def _verb(step: Step) -> Callable[[Query, Candidates], Candidates]:
    match step:
        case Filter():
            return lambda query, candidates: candidates.take(step.keep(query, candidates))
        case Hydrator():
            return step.hydrate
        case Scorer():
            return step.score
        case Selector():
            return step.select


def _attempt(component: Component, query: Query, trace: Trace, before: int, verb: Callable[[], T]) -> T | None:
    """The result of a component's verb; None where it failed, or came too late to begin."""
    started = time.perf_counter()
    result = None
    try:
        if query.late and not component.required:
            raise DeadlinePassed
        result = verb()
    except Exception as error:
        _degrade(component, query, error)
    trace.spans.append(Span(component, time.perf_counter() - started, before, 0 if result is None else len(result)))
    return result


def _degrade(component: Component, query: Query, error: Exception) -> None:
    """Note that the answer goes without a component; what was not foreseen is logged."""
    query.degraded.append(component.name)
    if not isinstance(error, DeadlinePassed | MissingInput | StoreUnavailable):
        logger.exception("component %s failed", component.name, exc_info=error)
