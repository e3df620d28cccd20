import time

import pytest

from benchmarks import compute
from benchmarks.compute import WARM_UP, measure_compute, time_requests
from cluster.errors import CascadeError


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_cpu_is_what_was_computed_and_wall_also_what_was_waited_for():
    answered = []

    def answer(body: bytes) -> None:
        answered.append(body)
        burn(0.002)
        time.sleep(0.004)

    bodies = [b"%d" % i for i in range(WARM_UP + 20)]
    found = time_requests(answer, bodies)
    assert answered == bodies
    assert found.requests == 20
    assert 2.0 <= found.cpu_ms < 5.9
    assert found.wall_ms >= 6.0
    assert found.cpu_ms_p99 >= found.cpu_ms


def test_one_dear_request_moves_the_mean_and_not_the_median():
    found = time_requests(lambda body: burn(0.1 if body == b"dear" else 0.001), [b""] * (WARM_UP + 9) + [b"dear"])
    assert found.cpu_ms < 10
    assert found.cpu_ms_mean > 10


def test_a_pipeline_that_cannot_run_says_why(monkeypatch, tmp_path):
    """A folder without releases."""
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path))
    with pytest.raises(CascadeError, match="could not be run by itself") as error:
        measure_compute([b"{}"] * (WARM_UP + 1))
    assert "Error" in str(error.value)
    assert "--no-compute" in error.value.remedy


def test_one_thread_is_asked_for():
    assert set(compute.ONE_THREAD.values()) == {"1"}
