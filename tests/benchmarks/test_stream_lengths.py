import redis

from benchmarks.stream_lengths import stream_lengths
from cluster.store.urls import StoreUrls


def test_streams_of_both_stores_and_nothing_else(store_server, event_server):
    with redis.Redis.from_url(store_server.url) as state, redis.Redis.from_url(event_server.url) as events:
        state.set("length-test:text", "x")
        for n in range(3):
            state.xadd("length-test:effects", {"n": n})
        events.xadd("length-test:events", {"n": 1})
        lengths = stream_lengths(StoreUrls(store_server.url, event_server.url))
        one = stream_lengths(StoreUrls(store_server.url, store_server.url))
    assert lengths.items() >= {"length-test:effects": 3, "length-test:events": 1}.items()
    assert "length-test:text" not in lengths
    assert "length-test:effects" in one
    assert "length-test:events" not in one
