import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.admission.quality import Quality


class Time:
    now = 0.0

    def __call__(self):
        return self.now


def looks(quality, time, waits, times):
    found = []
    for _ in range(times):
        time.now += 0.2
        for wait in waits:
            quality.note(wait)
        quality.look()
        found.append(quality.factor)
    return found


@given(st.lists(st.lists(st.floats(0, 10), max_size=20), max_size=50), st.floats(0.1, 1))
def test_it_stays_between_its_floor_and_one(waits, floor):
    time = Time()
    quality = Quality(0.05, floor, time)
    for each in waits:
        [factor] = looks(quality, time, each, 1)
        assert floor <= factor <= 1


def test_it_falls_faster_than_it_comes_back():
    time = Time()
    quality = Quality(0.05, 0.3, time)
    falling = looks(quality, time, [0.1] * 20, 5)
    assert falling == sorted(falling, reverse=True)
    assert falling[0] == pytest.approx(0.7)
    assert falling[-1] == 0.3
    rising = looks(quality, time, [0.001] * 20, 5)
    assert rising[-1] == pytest.approx(0.4)


def test_it_comes_back_while_nobody_asks():
    time = Time()
    quality = Quality(0.05, 0.3, time)
    looks(quality, time, [1.0], 10)
    assert looks(quality, time, [], 40)[-1] == 1


def test_waits_near_the_target_leave_it_where_it_is():
    time = Time()
    quality = Quality(0.05, 0.3, time)
    looks(quality, time, [0.1], 1)
    assert looks(quality, time, [0.04], 10) == pytest.approx([0.7] * 10)
