import shutil
import subprocess
import sys
import urllib.request

import psutil
import pytest

from benchmarks.contenders.contender import Contender, running
from benchmarks.contenders.ground import Ground
from benchmarks.contenders.registry import CONTENDERS, REFERENCE, chosen
from cluster.clock import Clock
from cluster.errors import CascadeError, InvalidField
from cluster.store.urls import StoreUrls
from tests.conftest import free_port

STEADY = Contender("steady", "answers at once", package="tests.benchmarks.contenders")


def ground() -> Ground:
    return Ground(StoreUrls("redis://127.0.0.1:1", "redis://127.0.0.1:2"), Clock(5), "127.0.0.1", free_port(), 2)


def test_it_answers_on_the_ground_s_port_until_the_end():
    here = ground()
    with running(STEADY, here) as process:
        with urllib.request.urlopen(here.url + "/v1/feed", data=b"{}", timeout=10) as answer:
            assert answer.status == 200
        assert process.is_running()
    assert not psutil.pid_exists(process.pid)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(here.url + "/v1/feed", data=b"{}", timeout=10)


def test_it_ends_when_who_started_it_is_killed():
    starting = (
        "import time\n"
        "from benchmarks.contenders.contender import running\n"
        "from tests.benchmarks.contenders.test_contender import STEADY, ground\n"
        "with running(STEADY, ground()) as process:\n"
        "    print(process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starting], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        contender = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([contender], timeout=90)
    assert gone == [contender]


def test_one_that_does_not_start_says_what_it_said(monkeypatch):
    nothing = Contender("nothing", "is not there", package="tests.benchmarks.contenders")
    with pytest.raises(CascadeError, match=r"No module named tests\.benchmarks") as error, running(nothing, ground()):
        pytest.fail("it runs")
    assert "--contenders" in error.value.remedy
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(CascadeError, match="steady does not start"), running(STEADY, ground()):
        pytest.fail("it runs")


def test_the_ground_reaches_the_program(monkeypatch):
    here = ground()
    assert Ground.given_if_any() is None
    for name, value in here.environment.items():
        monkeypatch.setenv(name, value)
    assert Ground.given() == Ground.given_if_any() == here


def test_contenders_are_chosen_in_the_order_of_their_names():
    assert [contender.name for contender in chosen(" monolith, fused")] == ["monolith", "fused"]
    assert REFERENCE in CONTENDERS
    for names in ("", "fused,fused", "fused,distributed?"):
        with pytest.raises(InvalidField, match="must be different ones of fused, distributed"):
            chosen(names)
