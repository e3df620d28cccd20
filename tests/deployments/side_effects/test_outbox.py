import asyncio
import logging
from collections.abc import Sequence

import pytest

from cluster.settings import Store
from cluster.store.breaker import StoreUnavailable
from cluster.store.client import OnlineStore
from deployments.side_effects.outbox import Outbox, Pace
from tests.conftest import free_port


class Written:
    """Keeps what is written, and fails at an item that is an error."""

    def __init__(self) -> None:
        self.batches: list[list[object]] = []

    async def __call__(self, items: Sequence[object]) -> None:
        await asyncio.sleep(0.001)
        if faults := [item for item in items if isinstance(item, Exception)]:
            raise faults[0]
        self.batches.append(list(items))


def store() -> OnlineStore:
    return OnlineStore(f"redis://127.0.0.1:{free_port()}", Store())


def test_all_is_written_together_and_in_order() -> None:
    async def scenario() -> None:
        written = Written()
        outbox = Outbox[object](store(), written, Pace(together=3, linger_s=0.01, waiting=100))
        for item in range(4):
            outbox.put(item)
        await asyncio.sleep(0.005)
        outbox.put(4)
        await outbox.close()
        assert written.batches == [[0, 1, 2], [3, 4]]
        outbox.put(5)
        await outbox.close()
        assert written.batches[2:] == [[5]]

    asyncio.run(scenario())


def test_it_is_closed_while_too_much_waits_or_the_store_is_gone() -> None:
    async def scenario() -> None:
        gone = store()
        outbox = Outbox[object](gone, Written(), Pace(together=10, linger_s=0, waiting=2))
        outbox.put(1)
        assert outbox.open
        outbox.put(2)
        assert not outbox.open
        await outbox.close()
        assert outbox.open
        with pytest.raises(StoreUnavailable):
            await gone.kept(b"anything")
        assert not outbox.open
        await gone.close()

    asyncio.run(scenario())


def test_what_cannot_be_written_does_not_keep_others(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> Written:
        written = Written()
        outbox = Outbox[object](store(), written, Pace(together=1, linger_s=0, waiting=100))
        for item in (1, StoreUnavailable("online store", "it is gone", 500), 2, ValueError("no such thing"), 3):
            outbox.put(item)
        await outbox.close()
        return written

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(scenario()).batches == [[1], [2], [3]]
    assert [record.message for record in caplog.records] == ["1 records could not be written"]
