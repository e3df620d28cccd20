import asyncio
from dataclasses import replace

import numpy as np
import psutil
import pytest

from benchmarks.measurement import Measurement
from benchmarks.turn import UNLOADED_RATE, TurnMeasurement
from benchmarks.users import FeedRequests
from tests.benchmarks.servers import answers, serving
from tests.benchmarks.test_compare import PLAN


@pytest.mark.parametrize(("delay", "searched"), [(0.0, True), (0.2, False)])
def test_who_is_quick_enough_alone_has_a_goodput_even_if_the_generator_was_late(monkeypatch, delay, searched):
    point = Measurement.point

    async def late_alone(self, rate, seconds=None):
        measured = await point(self, rate, seconds)
        return replace(measured, valid=False) if rate == UNLOADED_RATE else measured

    async def once(meets, start, *_how):
        await meets(start)

    monkeypatch.setattr(Measurement, "point", late_alone)
    monkeypatch.setattr("benchmarks.turn.find_goodput", once)
    with serving(answers(delay=delay)) as address:
        requests = FeedRequests(address, np.arange(50), 50)
        measurement = TurnMeasurement(PLAN, requests, (psutil.Process(), []), lambda _said: None)
        figures = asyncio.run(measurement.run(True, 20.0))
    assert not figures.unloaded.point.valid
    assert [measured.point.rate for measured in figures.search] == ([20.0] if searched else [])
