import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.serving import Serving
from deployments.admission.admission import Admission, TooBusy
from tests.deployments.admission.simulated import Server

SERVICE_S = 0.006
WHOLE = Serving(quality_floor=1.0)


def poisson(rate, seconds, seed=0, begin=0.0):
    rng = np.random.default_rng(seed)
    return (begin + np.cumsum(rng.exponential(1 / rate, int(rate * seconds)))).tolist()


def answered(outcomes):
    return [each for each in outcomes if each.reason is None]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(0, 2), min_size=1, max_size=400),
    st.floats(0.001, 0.03),
    st.floats(2.1, 30),
)
def test_who_is_admitted_is_answered_in_time(arrivals, service_s, feeds):
    # There is time for two feeds at least: one that is alone is made without a break, and whoever comes meanwhile is
    # seen when it is done.
    deadline_s = feeds * service_s
    server = Server(service_s, serving=WHOLE, deadline_s=deadline_s)
    outcomes = server.run(arrivals)
    assert len(outcomes) == len(arrivals)
    assert server.admission.in_flight == 0
    assert (
        server.admission.admitted + sum(server.admission.refused.values())
        == len(arrivals) + (server.admission.refused["stale"])
    )
    # All but those of the first moment, when nobody knew how long a feed takes.
    late = [each for each in answered(outcomes) if each.seconds > deadline_s and each.at > min(arrivals)]
    assert all(each.at <= min(arrivals) + 2 * service_s for each in late)


def test_three_times_what_it_can_carry_leaves_goodput_and_deadlines_whole():
    outcomes = Server(SERVICE_S, serving=WHOLE).run(poisson(3 / SERVICE_S, 10))
    good, refused = answered(outcomes), [each for each in outcomes if each.reason]
    assert max(each.seconds for each in good) <= 0.2
    assert len(good) / 10 > 0.95 / SERVICE_S
    # Who is refused waits for a piece of a feed, not for a feed.
    assert np.percentile([each.seconds for each in refused], 99) <= 1.01 * SERVICE_S / 5
    assert {each.reason for each in refused} == {"late"}


def test_half_of_what_it_can_carry_is_all_admitted():
    outcomes = Server(SERVICE_S).run(poisson(0.5 / SERVICE_S, 10))
    assert [each for each in outcomes if each.reason or each.quality < 1] == []


def test_it_recovers_at_once():
    rate = 1 / SERVICE_S
    after = poisson(0.5 * rate, 5, begin=10.3)
    outcomes = Server(SERVICE_S, serving=WHOLE).run([*poisson(3 * rate, 10), *after])
    calm = [each for each in outcomes if each.at >= 10.3]
    assert len(calm) == len(after)
    assert [each for each in calm if each.reason or each.seconds > 0.05] == []


def test_quality_falls_to_carry_more_and_comes_back():
    rate = 1 / SERVICE_S
    server = Server(SERVICE_S)
    outcomes = server.run([*poisson(1.5 * rate, 10), *poisson(0.3 * rate, 15, begin=10.3)])
    busy = [each for each in outcomes if 3 < each.at < 10]
    assert sum(each.reason is None for each in busy) / 7 > 1.3 * rate
    assert 0.4 <= min(each.quality for each in busy) < 0.8
    assert server.admission.quality.factor == 1
    assert [each for each in outcomes if each.at > 22 and each.quality < 1] == []


def test_there_is_an_end_to_those_in_flight():
    """Whatever their deadlines."""
    admission = Admission(Serving(max_ongoing_requests=3))
    visits = [admission.visit(1000.0).__enter__() for _ in range(3)]
    with pytest.raises(TooBusy) as error:
        admission.visit(1000.0)
    assert (error.value.reason, error.value.deadline_ms) == ("full", 1_000_000)
    visits[0].__exit__()
    admission.visit(1000.0)
    assert admission.status().refused == {"full": 1}


def test_who_is_alone_is_admitted_whatever_the_deadline():
    server = Server(0.05, deadline_s=0.001)
    assert [each.reason for each in server.run([0.0, 1.0, 2.0])] == [None] * 3


def test_whose_turn_comes_too_late_is_dropped():
    """A pause that nobody could foresee."""
    server = Server(SERVICE_S, serving=WHOLE)
    server.run([0.0])

    def stalls():
        server.now += 1.0
        yield

    async def scenario():
        async def ask(parts):
            with server.admission.visit(0.2) as visit:
                return await visit.run(parts)

        return await asyncio.gather(ask(stalls()), *(ask(server._feed(1.0)) for _ in range(3)), return_exceptions=True)

    first, *others = asyncio.run(scenario())
    assert first is None
    assert [error.reason for error in others] == ["stale"] * 3
    assert server.admission.refused["stale"] == 3


def test_an_error_gives_the_turn_back():
    admission = Admission(Serving())

    def broken():
        yield
        raise ValueError("no")

    async def scenario():
        for _ in range(2):
            with pytest.raises(ValueError, match="no"), admission.visit(1.0) as visit:
                await visit.run(broken())

    asyncio.run(scenario())
    assert admission.in_flight == 0
