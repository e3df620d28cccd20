import msgspec
from msgspec.structs import replace

from benchmarks.answers import Answers, Stage, read_feeds, read_nothing
from tests.benchmarks.servers import feed


def test_it_counts_what_feeds_say():
    feeds = [
        feed(scoring_ms=1.0),
        feed(scoring_ms=2.0, degraded=("store", "long_term")),
        feed(scoring_ms=3.0, items=49),
        feed(scoring_ms=100.0, items=0, cold_start=True),
    ]
    bodies = [msgspec.json.encode(each) for each in feeds]
    answers = read_feeds([*bodies, b"", b"{}", b"\xff", b'{"items": 3}'], limit=50)
    assert (answers.malformed, answers.degraded, answers.short, answers.cold_start) == (4, 1, 2, 1)
    assert answers.stages_ms == {"scoring": Stage(2.5, 97.09), "total": Stage(3.0, 3.0)}


def test_fewer_items_are_enough_when_fewer_were_asked_for():
    assert read_feeds([msgspec.json.encode(feed(items=10))], limit=10).short == 0


def test_feeds_of_fewer_candidates_are_told():
    bodies = [msgspec.json.encode(replace(feed(), quality=quality)) for quality in (None, 0.4, 0.7)]
    assert read_feeds([*bodies, b""], limit=50).quality == 0.7


def test_no_answers():
    assert read_feeds([], limit=50) == read_nothing([b"x"]) == Answers()
