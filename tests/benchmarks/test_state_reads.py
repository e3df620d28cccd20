import asyncio

import numpy as np
import redis
import uvloop

from benchmarks.load import Schedule
from benchmarks.state_reads import read_states
from cluster.settings import Store
from tests.conftest import free_port

SCHEDULE = Schedule(rate=100, seconds=0.5, warmup=0.1)


def test_each_request_reads_a_user(store_server):
    with redis.Redis.from_url(store_server.url) as client:
        client.set("u:88000001", b"blob")
        before = client.info("stats")["keyspace_hits"]
        point = uvloop.run(read_states(store_server.url, Store(), np.array([88_000_001]), SCHEDULE))
        assert client.info("stats")["keyspace_hits"] - before == 60
    assert (point.requests, point.errors) == (50, {})
    assert 0 < point.latency_ms.p50 <= point.latency_ms.p99


def test_a_store_that_is_gone_is_no_result():
    url = f"redis://127.0.0.1:{free_port()}/0"
    point = asyncio.run(read_states(url, Store(), np.array([1]), SCHEDULE))
    assert point.errors == {"broken": 50}
    assert np.isnan(point.latency_ms.p50)
