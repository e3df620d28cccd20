import asyncio
from dataclasses import replace

import numpy as np
import pytest

from cluster.store.breaker import StoreUnavailable
from deployments.pipeline.components import Filter, Hydrator, MissingInput, QueryHydrator, Scorer, Selector, Source
from deployments.pipeline.executor import Pipeline, execute, hydrate
from deployments.pipeline.trace import Trace
from tests.deployments.queries import post_table, query

POSTS = post_table()


class Brings(Source):
    def __init__(self, name, rows, required=False):
        self.name, self.required, self._rows = name, required, rows

    def fetch(self, query):
        if self._rows is None:
            raise RuntimeError("index on fire")
        return np.array(self._rows, np.int32)


class Even(Filter):
    name = "even"
    reason = "odd"

    def keep(self, query, candidates):
        return candidates.rows % 2 == 0


class Reversed(Scorer):
    name = "reversed"

    def score(self, query, candidates):
        return replace(candidates, score=candidates.rows.astype(np.float32))


class Broken(Scorer):
    name = "broken"

    def score(self, query, candidates):
        raise MissingInput("features")


class Best(Selector):
    name = "best"

    def select(self, query, candidates):
        return candidates.take(np.argsort(-candidates.score)[: query.request.limit])


class Off(Hydrator):
    name = "off"

    def enabled(self, query):
        return False

    def hydrate(self, query, candidates):
        raise AssertionError("a disabled component must not run")


def run(sources, steps, asked=None):
    asked = asked or query(POSTS)
    trace = Trace()
    feed = execute(Pipeline([], sources, steps, POSTS), asked, trace)
    return asked, feed, trace


def test_components_run_in_order_and_leave_spans():
    asked, feed, trace = run([Brings("a", [3, 4, 6]), Brings("b", [6, 8])], [Even(), Reversed(), Off(), Best()])
    assert feed.rows.tolist() == [8, 6, 4]
    assert feed.sources.tolist() == [2, 3, 1]
    assert [(s.component.name, s.candidates_in, s.candidates_out) for s in trace.spans] == [
        ("a", 0, 3),
        ("b", 0, 2),
        ("even", 4, 3),
        ("reversed", 3, 3),
        ("best", 3, 3),
    ]
    assert (trace.coverage, asked.degraded) == (1.0, [])
    assert set(trace.stage_seconds()) == {"candidates", "scoring", "rules"}


def test_a_source_that_fails_is_named_and_lowers_the_coverage(caplog):
    asked, feed, trace = run([Brings("a", None), Brings("b", [1, 2])], [])
    assert feed.rows.tolist() == [1, 2]
    assert feed.sources.tolist() == [1, 1]
    assert [source.name for source in trace.sources] == ["b"]
    assert (asked.degraded, trace.coverage) == (["a"], 0.5)
    assert "index on fire" in caplog.text


def test_where_a_scorer_fails_the_score_before_it_stands():
    asked, feed, _ = run([Brings("a", [5, 9, 7])], [Reversed(), Broken(), Best()])
    assert feed.rows.tolist() == [9, 7, 5]
    assert asked.degraded == ["broken"]


def test_source_order_is_the_score_of_last_resort():
    _, feed, _ = run([Brings("a", [5, 9, 7])], [Best()])
    assert feed.rows.tolist() == [5, 9, 7]


def test_a_late_request_runs_only_what_is_required():
    asked = query(POSTS, deadline_ms=-1)
    asked, feed, trace = run(
        [Brings("a", [1, 2]), Brings("b", [4, 5], required=True)], [Even(), Reversed(), Best()], asked
    )
    assert feed.rows.tolist() == [4]
    assert asked.degraded == ["a", "reversed"]
    assert trace.coverage == 0.5


def test_a_source_is_not_begun_when_its_part_of_the_time_is_over():
    asked = query(POSTS, deadline_ms=60_000)
    asked.deadline -= 31  # more than half of the minute is gone
    asked, feed, trace = run(
        [Brings("a", [1, 2]), Brings("b", [4, 5, 6], required=True)], [Even(), Reversed(), Best()], asked
    )
    assert feed.rows.tolist() == [6, 4], "whoever ranks what there is has all the rest of it"
    assert asked.degraded == ["a"]
    assert trace.coverage == 0.5


def test_what_a_step_took_out_is_kept_for_the_explanation():
    _, _, trace = run([Brings("a", [3, 4, 5])], [Even(), Best()])
    assert {name: rows.tolist() for name, rows in trace.removed.items() if len(rows)} == {"even": [3, 5]}
    assert [cut.reason for cut in trace.cuts if cut.component == "even"] == ["odd"]


@pytest.mark.parametrize("rows", [[], [3, 5, -1, 999]])
def test_nothing_left_is_an_empty_feed(rows):
    asked, feed, _ = run([Brings("a", rows)], [Even(), Reversed(), Broken(), Best()])
    assert len(feed) == 0
    assert asked.degraded == []


def test_a_dead_store_is_a_degradation(caplog):
    class Dead(QueryHydrator):
        name = "store"

        async def hydrate(self, query):
            raise StoreUnavailable("state store", "gone", 500)

    asked, trace = query(POSTS), Trace()
    asyncio.run(hydrate(Pipeline([Dead()], [], [], POSTS), asked, trace))
    assert asked.degraded == ["store"]
    assert [span.component.name for span in trace.spans] == ["store"]
    assert caplog.text == "", "a known fault is not logged for every request"
