import asyncio
import time

import pytest
import uvloop

from benchmarks import lag
from benchmarks.http_client import Address
from benchmarks.lag import ConsumerLag, Lags
from cluster.errors import CascadeError
from tests.benchmarks.event_servers import Cascade
from tests.benchmarks.servers import answers, serving


def watched(address: Address, events_per_s: float, collected_s: dict[str, float] | None = None) -> list[ConsumerLag]:
    async def run() -> list[ConsumerLag]:
        async with Lags(address, collected_s or {}) as lags:
            begin = time.time()
            await asyncio.sleep(1.2)
            return lags.during(begin - 1, time.time(), events_per_s)

    return uvloop.run(run())


@pytest.mark.parametrize(
    ("behind", "keeps_up"), [(0, True), (100, True), (101, False), (None, False)], ids=["0", "100", "101", "unknown"]
)
def test_a_second_s_worth_may_be_open(behind, keeps_up):
    with serving(Cascade(lag=behind).handle) as address:
        [users] = watched(address, 100.0)
    assert (users.name, users.lag_at_end, users.lag_most, users.allowed) == ("users", behind, behind, 100)
    assert users.keeps_up is keeps_up


def test_who_collects_may_be_twice_that_more_behind():
    with serving(Cascade(lag=1100, consumers=["archive", "users"]).handle) as address:
        archive, users = watched(address, 100.0, {"archive": 5.0})
    assert (archive.name, archive.allowed, archive.keeps_up) == ("archive", 1100, True)
    assert (users.name, users.allowed, users.keeps_up) == ("users", 100, False)


def test_a_consumer_that_told_nothing_in_the_load_does_not_keep_up():
    async def run(address: Address) -> list[ConsumerLag]:
        async with Lags(address, {}) as lags:
            await asyncio.sleep(0.3)
            return lags.during(time.time() + 10, time.time() + 20, 100.0)

    with serving(Cascade().handle) as address:
        [users] = uvloop.run(run(address))
    assert (users.lag_at_end, users.waiting, users.keeps_up) == (None, "silent", False)


def test_a_server_that_does_not_tell_has_no_consumers():
    with serving(answers(status=500)) as address:
        assert watched(address, 100.0) == []


def test_draining_ends_when_nobody_is_behind_and_says_who_stays_so(monkeypatch):
    monkeypatch.setattr(lag, "DRAIN_S", 0.7)
    cascade = Cascade(lag=5)

    async def run(address: Address) -> None:
        async with Lags(address, {}) as lags:
            asyncio.get_running_loop().call_later(0.2, setattr, cascade, "lag", 0)
            await lags.drained()
            assert cascade.lag == 0
            cascade.lag = 7
            with pytest.raises(CascadeError, match="users by 7"):
                await lags.drained()

    with serving(cascade.handle) as address:
        uvloop.run(run(address))
