"""What is left of a feed's candidates while the server is busy."""

from dataclasses import replace

import pytest

from deployments.pipeline.executor import Pipeline, execute, in_pieces
from deployments.pipeline.trace import Trace
from deployments.selectors.first import First
from deployments.selectors.top import Top
from tests.deployments.pipeline.test_executor import Brings
from tests.deployments.queries import candidates, post_table, query

POSTS = post_table(40)


def feed(quality, steps=()):
    asked, trace = replace(query(POSTS, limit=5), quality=quality), Trace()
    sources = [Brings("a", range(20)), Brings("b", range(20, 28)), Brings("c", [30, 31])]
    return execute(Pipeline([], sources, steps, POSTS), asked, trace), trace


def test_each_source_gives_its_share_but_enough_for_a_page():
    found, trace = feed(0.5)
    assert sorted(found.rows.tolist()) == [*range(10), *range(20, 25), 30, 31]
    [cut] = trace.cuts
    assert (cut.component, cut.after.tolist()) == ("quality_factor", found.rows.tolist())


def test_with_time_enough_nothing_is_spared():
    found, trace = feed(1.0)
    assert len(found) == 30
    assert (trace.cuts, query(POSTS).told_quality) == ([], None)


@pytest.mark.parametrize("selector", [First, Top])
@pytest.mark.parametrize(("quality", "left"), [(1.0, 20), (0.5, 10), (0.1, 5)])
def test_selectors_choose_fewer_but_a_page(selector, quality, left):
    asked = replace(query(POSTS, limit=5), quality=quality)
    assert len(selector(20).select(asked, candidates(*range(30)))) == left


def test_what_was_shown_before_does_not_count():
    asked = replace(query(POSTS, limit=5), quality=0.5)
    asked.served = asked.served.__class__(7, asked.served.dtype)
    assert asked.allotted("a", 27) == 7 + 10


def test_there_is_a_break_behind_each_source_and_before_each_step():
    asked = query(POSTS, limit=1)
    pieces = in_pieces(Pipeline([], [Brings("a", [3, 1]), Brings("b", [2])], [First(2)], POSTS), asked, Trace())
    assert list(pieces) == [None] * 3
