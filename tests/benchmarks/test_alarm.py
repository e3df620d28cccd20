import asyncio
import time

import pytest
import uvloop

from benchmarks import alarm as alarm_module
from benchmarks.alarm import Alarm


async def ring_at(offsets: list[float]) -> list[float]:
    """Seconds by which each ring is late, set one after the other."""
    rung = asyncio.Event()
    late = []
    alarm = Alarm(asyncio.get_running_loop(), rung.set)
    try:
        for offset in offsets:
            at = time.monotonic() + offset
            alarm.set(at)
            await asyncio.wait_for(rung.wait(), 10)
            rung.clear()
            late.append(time.monotonic() - at)
    finally:
        alarm.close()
    return late


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_it_never_rings_early(run):
    late = run(ring_at([0.0103, 0.0001, 0.0007, 0.02, -1.0, 0.0]))
    assert min(late) >= 0
    assert max(late[:4]) < 1


def test_it_works_without_timerfd(monkeypatch):
    monkeypatch.setattr(alarm_module, "LIBC", object())
    assert max(asyncio.run(ring_at([0.01, -1.0]))[:1]) < 1


def test_setting_it_again_replaces_the_earlier_time():
    async def scenario() -> int:
        rings = []
        alarm = Alarm(asyncio.get_running_loop(), lambda: rings.append(time.monotonic()))
        start = time.monotonic()
        alarm.set(start + 0.02)
        alarm.set(start + 0.1)
        await asyncio.sleep(0.25)
        alarm.close()
        assert rings[0] >= start + 0.1
        return len(rings)

    assert asyncio.run(scenario()) == 1
