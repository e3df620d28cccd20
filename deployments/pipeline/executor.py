"""The executor: runs a pipeline's components in order, times them, and answers without those that fail."""

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence, Sized
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from cluster.errors import Unreachable
from cluster.store.breaker import StoreUnavailable
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.components import (
    Component,
    Filter,
    Hydrator,
    MissingInput,
    QueryHydrator,
    RemoteScorer,
    Retrieval,
    Scorer,
    Selector,
    SoftFilter,
    Source,
)
from deployments.pipeline.giving_way import give_way
from deployments.pipeline.parts import Parts
from deployments.pipeline.query import Query
from deployments.pipeline.side_effect import SideEffect
from deployments.pipeline.trace import Cut, Span, Trace
from kernels.merge import merge_lists

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=Sized)
Step = Filter | Hydrator | Scorer | Selector
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A surface: the components that make its feed, in the order in which they run."""

    query_hydrators: Sequence[QueryHydrator]
    sources: Sequence[Source]
    steps: Sequence[Step | RemoteScorer]
    posts: Sized  # the catalogue: how many rows there are
    filters: Sequence[Filter] = ()  # of what the sources bring; they never give way
    soft_filters: Sequence[SoftFilter] = ()  # after those, in the order in which they give way
    side_effects: Sequence[SideEffect] = ()
    retrieval: Sequence[Retrieval] = ()  # before the sources: where indexes are elsewhere

    @property
    def components(self) -> list[Component]:
        finding, sifting = [*self.retrieval, *self.sources], [*self.filters, *self.soft_filters]
        return [*self.query_hydrators, *finding, *sifting, *self.steps, *self.side_effects]

    @property
    def waits(self) -> bool:
        """Whether it asks other processes."""
        return bool(self.retrieval) or any(isinstance(step, RemoteScorer) for step in self.steps)

    def without(self, filters: Collection[str]) -> "Pipeline":
        """The pipeline without the filters of these names."""
        return replace(
            self,
            filters=[f for f in self.filters if f.name not in filters],
            soft_filters=[f for f in self.soft_filters if f.name not in filters],
            steps=[s for s in self.steps if not (isinstance(s, Filter) and s.name in filters)],
        )


class DeadlinePassed(Exception):
    """A component was not begun, because its request is late."""


async def hydrate(pipeline: Pipeline, query: Query, trace: Trace) -> None:
    """Run the query hydrators: what a request waits for before its turn."""
    for hydrator in pipeline.query_hydrators:
        if hydrator.enabled(query):
            started = time.perf_counter()
            try:
                await hydrator.hydrate(query)
            except Exception as error:
                _degrade(hydrator, query, error)
            trace.spans.append(Span(hydrator, time.perf_counter() - started, 0, 0))


def execute(pipeline: Pipeline, query: Query, trace: Trace) -> Candidates:
    """Run all that is arithmetic, sources to selectors, of a pipeline that asks no other process.

    Most of it is in kernels, without the GIL.
    """
    if pipeline.waits:
        raise TypeError("this pipeline waits for other processes: run it by `deployments.pipeline.parts.whole`")
    pieces = in_pieces(pipeline, query, trace)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            candidates: Candidates = end.value
            return candidates


def in_pieces(pipeline: Pipeline, query: Query, trace: Trace) -> Parts[Candidates]:
    """The same, with a break behind each source and each step, and with waits for other processes."""
    for retrieval in pipeline.retrieval:
        if retrieval.enabled(query):
            yield from _ask(retrieval, query, trace, 0, partial(retrieval.ask, query), int)
    gathered = yield from _gather(pipeline, query, trace)
    candidates = run(pipeline.filters, query, gathered, trace)
    candidates = _sift(pipeline.soft_filters, query, candidates, trace)
    for step in pipeline.steps:
        yield None
        if not isinstance(step, RemoteScorer):
            candidates = run((step,), query, candidates, trace)
        elif step.enabled(query) and len(candidates):
            asking = partial(step.ask, query, candidates)
            scored = yield from _ask(step, query, trace, len(candidates), asking, len)
            candidates = candidates if scored is None else scored
    return candidates


def note(pipeline: Pipeline, query: Query, feed: Candidates, trace: Trace) -> None:
    """Let the side effects know what is answered. One that fails is logged; the answer is none the worse."""
    for effect in pipeline.side_effects:
        if effect.enabled(query):
            started = time.perf_counter()
            try:
                effect.note(query, feed, trace)
            except Exception:
                logger.exception("side effect %s failed", effect.name)
            trace.spans.append(Span(effect, time.perf_counter() - started, len(feed), len(feed)))


def _gather(pipeline: Pipeline, query: Query, trace: Trace) -> Parts[Candidates]:
    """Ask every source; merge what they bring, round robin, without repeats."""
    lists = []
    for source in pipeline.sources:
        if source.enabled(query):
            trace.asked += 1
            rows = _attempt(source, query, trace, 0, partial(source.fetch, query))
            if rows is not None:
                lists.append(rows[: query.allotted(source.name, len(rows))])
                trace.sources.append(source)
                trace.missed += source.missed(query)
                trace.brought.append(rows)
            yield None
    merged = merge_lists(lists, len(pipeline.posts))
    if query.favoured is not None:
        reason = f"its sources gave up most of what they brought: {query.favoured.source} was favoured"
        trace.cuts.append(Cut("favoured_source", reason, merged.rows))
    elif query.quality < 1:
        reason = "the server was busy, and took fewer of what its sources brought"
        trace.cuts.append(Cut("quality_factor", reason, merged.rows))
    # Source order is the first score: with everything else failing, it still is an order.
    candidates = Candidates(merged.rows, merged.sources, np.arange(0, -len(merged.rows), -1, dtype=np.float32))
    reserving = sum(1 << s for s, source in enumerate(trace.sources) if source.reserves)
    return replace(candidates, reserved=merged.sources & reserving != 0) if reserving else candidates


def run(steps: Sequence[Step], query: Query, candidates: Candidates, trace: Trace) -> Candidates:
    """Run steps one after the other."""
    for step in steps:
        if step.enabled(query) and len(candidates):
            before = candidates
            result = _attempt(step, query, trace, len(before), partial(_verb(step), query, before))
            candidates = before if result is None else result
            trace.passed(step, before, candidates)
    return candidates


def _sift(filters: Sequence[SoftFilter], query: Query, candidates: Candidates, trace: Trace) -> Candidates:
    """Ask all soft filters at once, and let those give way that would leave too few."""
    asked = [soft for soft in filters if soft.enabled(query)] if len(candidates) else []
    passed = np.ones((len(asked), len(candidates)), np.bool_)
    begin = len(trace.spans)
    for s, soft in enumerate(asked):
        mask = _attempt(soft, query, trace, len(candidates), partial(soft.keep, query, candidates))
        if mask is not None:
            passed[s] = mask
    wanted, reserved = [soft.wanted(query) for soft in asked], candidates.reserved
    if reserved is None:
        kept = give_way(passed, wanted, query.request.limit)
    else:
        passed[:, reserved] = True
        kept = reserved.copy()
        kept[~reserved] = give_way(passed[:, ~reserved], wanted, query.request.limit)
    before = np.ones(len(candidates), np.bool_)
    for s, (soft, span) in enumerate(zip(asked, trace.spans[begin:], strict=True)):
        # In the trace, a post belongs to the first filter that removes it.
        after = before & (passed[s] | kept)
        if (kept > passed[s]).any():
            query.relaxed.append(soft.name)
        counts = int(np.count_nonzero(before)), int(np.count_nonzero(after))
        trace.spans[begin + s] = span._replace(candidates_in=counts[0], candidates_out=counts[1])
        if counts[0] > counts[1]:
            trace.cuts.append(Cut(soft.name, soft.reason, candidates.rows[after], candidates))
        before = after
    return candidates.take(kept)


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
        _begin(component, query)
        result = verb()
    except Exception as error:
        _degrade(component, query, error)
    trace.spans.append(Span(component, time.perf_counter() - started, before, 0 if result is None else len(result)))
    return result


def _ask(
    component: Component,
    query: Query,
    trace: Trace,
    before: int,
    verb: Callable[[], Awaitable[R]],
    count: Callable[[R], int],
) -> Parts[R | None]:
    """The same of a verb that is waited for."""
    started = time.perf_counter()
    result: R | None = None
    try:
        _begin(component, query)
        result = yield verb()
    except Exception as error:
        _degrade(component, query, error)
    after = 0 if result is None else count(result)
    trace.spans.append(Span(component, time.perf_counter() - started, before, after))
    return result


def _begin(component: Component, query: Query) -> None:
    if query.is_late(component.budget) and not component.required:
        raise DeadlinePassed


def _degrade(component: Component, query: Query, error: Exception) -> None:
    """Note that the answer goes without a component; what was not foreseen is logged."""
    query.degraded.append(component.name)
    if not isinstance(error, DeadlinePassed | MissingInput | StoreUnavailable | Unreachable):
        logger.exception("component %s failed", component.name, exc_info=error)
