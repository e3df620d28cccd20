"""Components that wait for other processes."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from cluster.errors import Unreachable
from deployments.pipeline.components import MissingInput, RemoteScorer, Retrieval, Source
from deployments.pipeline.executor import Pipeline, execute, in_pieces
from deployments.pipeline.parts import whole
from deployments.pipeline.query import Found
from deployments.pipeline.trace import Trace
from tests.deployments.queries import post_table, query

POSTS = post_table()


class Asks(Retrieval):
    name = "shards"

    def __init__(self, missed=0.0, error=None):
        self.missed, self.error = missed, error

    async def ask(self, query):
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        query.found = Found({"near": np.array([3, 1, 2], np.int32)}, self.missed)
        return 3


class Near(Source):
    name = "near"

    def fetch(self, query):
        if query.found is None:
            raise MissingInput("shards")
        return query.found.rows["near"]

    def missed(self, query):
        return query.found.missed


class Always(Source):
    name = "always"

    def fetch(self, query):
        return np.array([7], np.int32)


class Doubles(RemoteScorer):
    name = "doubles"

    def __init__(self, error=None):
        self.error = error

    async def ask(self, query, candidates):
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return replace(candidates, score=candidates.rows * np.float32(2))


def feed(retrieval, scorer, **asked):
    request, trace = query(POSTS, **asked), Trace()
    pipeline = Pipeline([], [Near(), Always()], [scorer], POSTS, retrieval=[retrieval])
    return asyncio.run(whole(in_pieces(pipeline, request, trace))), request, trace


def test_what_other_processes_find_and_score_is_part_of_the_feed():
    found, request, trace = feed(Asks(), Doubles())
    assert found.rows.tolist() == [3, 7, 1, 2]
    assert found.score.tolist() == [6, 14, 2, 4]
    assert (request.degraded, trace.coverage) == ([], 1.0)
    told = {span.component.name: (span.candidates_in, span.candidates_out) for span in trace.spans}
    assert (told["shards"], told["doubles"]) == ((0, 3), (4, 4))


def test_coverage_says_what_part_was_out_of_reach():
    assert feed(Asks(missed=0.5), Doubles())[2].coverage == 0.75


def test_a_feed_goes_without_those_that_do_not_answer():
    gone = Unreachable("gone")
    found, request, trace = feed(Asks(error=gone), Doubles(error=gone))
    assert (found.rows.tolist(), found.score.tolist()) == ([7], [0])
    assert request.degraded == ["shards", "near", "doubles"]
    assert trace.coverage == 0.5


def test_they_are_not_asked_when_it_is_too_late():
    found, request, _ = feed(Asks(), Doubles(), deadline_ms=-1)
    assert request.degraded == ["shards", "near", "always"]
    assert len(found) == 0


def test_a_pipeline_that_waits_is_not_run_as_arithmetic_alone():
    pipeline = Pipeline([], [Always()], [Doubles()], POSTS)
    with pytest.raises(TypeError, match="waits for other processes"):
        execute(pipeline, query(POSTS), Trace())
