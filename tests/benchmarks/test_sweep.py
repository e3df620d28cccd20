import asyncio

from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.sweep import HIGHEST, find_goodput


def sweep(capacity: float, start: float, **how: float) -> tuple[float, list[float]]:
    """The goodput of a server that holds up to `capacity`, and the rates that were tried."""
    tried = []

    async def measure(rate: float) -> bool:
        tried.append(rate)
        return rate <= capacity

    return asyncio.run(find_goodput(measure, start, **how)), tried


@settings(deadline=None)
@given(st.floats(1, HIGHEST / 2), st.sampled_from([1.0, 20.0, 50.0, 1000.0]))
@example(1.0, 50.0)
@example(163.0, 50.0)
def test_it_finds_the_capacity_to_five_percent(capacity, start):
    goodput, tried = sweep(capacity, start)
    assert goodput <= capacity
    assert capacity < max(goodput * 1.0501, goodput + 1)
    assert len(set(tried)) == len(tried)
    assert goodput in tried
    assert all(rate == int(rate) for rate in tried)


def test_few_rates_are_tried():
    assert sweep(163, 50)[1] == [50, 100, 200, 141, 168, 154, 161]


def test_steps_and_precision_are_the_caller_s():
    assert sweep(163, 100, step=1.4, precision=1.1)[1] == [100, 140, 196, 166, 152]
    assert sweep(7, 20, step=1.4, precision=1.1)[1] == [20, 14, 10, 7, 8]


def test_a_server_that_fails_at_every_rate_has_none():
    goodput, tried = sweep(0, 50)
    assert goodput == 0
    assert tried == [50, 25, 12, 6, 3, 1]


def test_it_ends_though_nothing_fails():
    goodput, tried = sweep(1e9, 50)
    assert goodput == tried[-1] > HIGHEST / 2
