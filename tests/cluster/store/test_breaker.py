import time

import pytest

from cluster.store.breaker import TIMEOUTS, Breaker, StoreUnavailable


def test_failure_refuses_calls_until_the_trial_succeeds() -> None:
    breaker = Breaker("store", retry_ms=30)
    breaker.admit()
    breaker.failed("connection refused")
    assert not breaker.is_closed
    with pytest.raises(StoreUnavailable, match="connection refused") as refused:
        breaker.admit()
    assert refused.value.retry_ms == 30

    time.sleep(0.04)
    breaker.admit()  # the trial
    with pytest.raises(StoreUnavailable):
        breaker.admit()  # only one at a time
    breaker.succeeded()
    assert breaker.is_closed
    breaker.admit()


def test_failed_trial_opens_again() -> None:
    breaker = Breaker("store", retry_ms=30)
    breaker.failed("gone")
    time.sleep(0.04)
    breaker.admit()
    breaker.failed("still gone", timeout=True)
    with pytest.raises(StoreUnavailable, match="still gone"):
        breaker.admit()


def test_only_timeouts_in_a_row_open_it() -> None:
    breaker = Breaker("store", retry_ms=1000)
    for _ in range(3):
        for _ in range(TIMEOUTS - 1):
            breaker.failed("slow", timeout=True)
        breaker.admit()
        breaker.succeeded()
    for _ in range(TIMEOUTS):
        breaker.failed("slow", timeout=True)
    with pytest.raises(StoreUnavailable):
        breaker.admit()


def test_calls_that_waited_are_refused_once_it_opens() -> None:
    breaker = Breaker("store", retry_ms=30)
    breaker.admit()
    breaker.check()
    breaker.failed("gone")
    with pytest.raises(StoreUnavailable):
        breaker.check()
    time.sleep(0.04)
    breaker.admit()
    breaker.check()  # the trial itself passes
