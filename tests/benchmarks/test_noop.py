import shutil
import sys

import pytest

from benchmarks.noop import noop_application
from cluster.errors import CascadeError
from tests.benchmarks.servers import run_at


def test_a_driver_that_ends_before_it_is_ready_says_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with (
        pytest.raises(CascadeError, match="the no-op could not be deployed") as error,
        noop_application(run_at("http://127.0.0.1:1")),
    ):
        pytest.fail("it does not answer")
    assert "--no-floor" in error.value.remedy
