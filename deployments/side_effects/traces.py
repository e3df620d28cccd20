"""Traces: what happened to a request, for whoever asks for the why of it within the hour."""

from functools import partial

from deployments.explaining.tracing import Tracer
from deployments.pipeline.candidates import Candidates
from deployments.pipeline.query import Query
from deployments.pipeline.side_effect import SideEffect
from deployments.pipeline.trace import Trace
from deployments.side_effects.trace_writes import TraceWrites


class Traces(SideEffect):
    name = "traces"

    def __init__(self, writes: TraceWrites, tracer: Tracer) -> None:
        self._writes = writes
        self._tracer = tracer

    def enabled(self, query: Query) -> bool:
        return self._writes.open and (query.request.explain or self._writes.affordable)

    def note(self, query: Query, feed: Candidates, trace: Trace) -> None:
        # All columns are replaced and never written to, so that they can be packed later.
        self._writes.put(partial(self._tracer.traced, query, feed, trace))
