from collections import Counter

import msgspec
import numpy as np
import pytest

from benchmarks.event_batches import DataSetPosts, EventBatches, check_batch
from benchmarks.http_client import Address
from cluster.errors import InvalidField
from cluster.event_intake import take_in
from kernels.actions import ACTIONS


@pytest.fixture(scope="module")
def posts(world):
    return DataSetPosts(world)


@pytest.fixture(scope="module")
def batches(world, posts):
    return EventBatches(Address("h", 1), world, posts, 50)


def test_the_server_takes_every_event(batches, posts):
    bodies = batches.bodies(40, np.random.default_rng(1))
    taken = [take_in(body, 10**12, posts) for body in bodies]
    assert [error for intake in taken for error in intake.errors] == []
    events = [event for intake in taken for event in intake.events]
    assert len(events) == 40 * 50
    assert len({event.event_id for event in events}) == 40 * 50
    assert all(event.author_id is not None for event in events)


def test_the_mix_is_that_of_the_data(world, batches, posts):
    events = [
        event for body in batches.bodies(400, np.random.default_rng(2)) for event in take_in(body, 10**12, posts).events
    ]
    drawn = Counter(event.action for event in events)
    rows = world.read("impressions", ["watch_ms", *ACTIONS])
    for action in ("like", "click", "long_view"):
        share = np.asarray(rows[action].fill_null(False)).mean()
        assert drawn[action] / drawn["impression"] == pytest.approx(share, rel=0.15)
    viewed = (np.asarray(rows["watch_ms"].fill_null(0)) > 0).mean()
    assert drawn["view"] / drawn["impression"] == pytest.approx(viewed, rel=0.05)
    assert all((event.watch_ms is not None) == (event.action == "view") for event in events)


def test_people_and_posts_belong_together(world, batches, posts):
    rows = world.read("impressions", ["user_id", "post_id"])
    shown = set(zip(rows["user_id"].to_pylist(), rows["post_id"].to_pylist(), strict=True))
    [body] = batches.bodies(1, np.random.default_rng(3))
    assert {(event.user_id, event.post_id) for event in take_in(body, 10**12, posts).events} <= shown


def test_draws_are_seeded_but_for_the_ids_of_events(batches):
    def drawn(seed: int) -> list[dict]:
        [payload] = batches.draw(1, np.random.default_rng(seed))
        head, body = payload.split(b"\r\n\r\n")
        assert head.startswith(b"POST /v1/events HTTP/1.1\r\nhost: h:1\r\n")
        return msgspec.json.decode(body)["events"]

    first, again, other = drawn(1), drawn(1), drawn(2)
    ids = [event.pop("event_id") for events in (first, again, other) for event in events]
    assert len(set(ids)) == 150
    assert first == again != other


def test_unknown_posts_have_no_author(posts):
    authors, known, topics = posts.authors_and_topics(np.array([posts.ids[3], -5, 10**15]))
    assert known.tolist() == [True, False, False]
    assert authors[1:].tolist() == [-1, -1]
    assert list(topics[1:]) == ["", ""]


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_a_batch_that_the_server_would_not_take_is_refused(size):
    assert check_batch(1000) == 1000
    with pytest.raises(InvalidField, match="batch"):
        check_batch(size)
