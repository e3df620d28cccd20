"""`cascade bench overload` against a small server, and its judgement of runs that are known."""

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp import web

from benchmarks.cli import app
from benchmarks.http_client import TIMEOUT
from benchmarks.load import Trace
from benchmarks.surge import Surge, bars, by_second, phases, recovery_s
from cluster.errors import CascadeError, InvalidField
from tests.benchmarks.servers import FEED, feed, serving

SURGE = Surge(rate=10, seconds=4, warmup=0, quiet=2, times=3)
LOWERED = msgspec.json.encode(msgspec.structs.replace(feed(), quality=0.5))
REFUSAL = b'{"error":{"field":"deadline_ms","value":200,"message":"the server is busy"}}'


@pytest.fixture
def users(tmp_path, monkeypatch):
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path / "home"))
    pq.write_table(pa.table({"user_id": pa.array(range(100), pa.int64())}), tmp_path / "users.parquet")
    return tmp_path


def bench(*arguments: object) -> None:
    app(["overload", *map(str, arguments)], result_action="return_value")


def trace(took, status, bodies=None):
    """What became of the requests of SURGE: seconds and status, by intended time."""
    at = SURGE.arrivals()
    codes = np.array([status(t) for t in at], np.int16)
    return Trace(
        schedule=SURGE,
        intended=at,
        sent=at,
        done=at + np.array([took(t) for t in at]),
        status=codes,
        queued=np.zeros(len(at), np.bool_),
        bodies=[(bodies or (lambda t: FEED))(t) if code == 200 else b"" for t, code in zip(at, codes, strict=True)],
        client_cpu=0.0,
        client_realtime=False,
    )


def test_load_goes_up_to_so_many_times_and_down_to_half():
    counts, _ = np.histogram(SURGE.arrivals(), [0, 2, 6, 8])
    assert counts.tolist() == [20, 120, 10]


def test_a_server_that_refuses_what_it_cannot_carry_passes():
    run = trace(
        took=lambda t: 0.1,
        status=lambda t: 503 if 2 <= t < 6 and int(t * 1000) % 3 else 200,
        bodies=lambda t: LOWERED if 2 <= t < 6 else FEED,
    )
    run.done[run.status == 503] = run.intended[run.status == 503] + 0.002
    found, each = phases(run, SURGE, 200), by_second(run, 200)
    assert [phase.offered for phase in found] == [10, 30, 5]
    assert [phase.quality for phase in found] == [1, 0.5, 1]
    assert found[1].refused == (run.status == 503).sum() > 0
    assert found[1].refused_ms.p99 == pytest.approx(2, rel=0.01)
    assert found[1].good == pytest.approx((120 - found[1].refused) / 4)
    assert (recovery_s(each, 6, 200), len(each)) == (0, 8)
    judged = bars(found, 0, peak=found[1].good, deadline_ms=200)
    assert [bar.met for bar in judged] == [True] * 5


def test_a_server_that_drowns_fails():
    run = trace(took=lambda t: 2.0 if t >= 2 else 0.1, status=lambda t: TIMEOUT if 5 <= t < 7 else 200)
    found, each = phases(run, SURGE, 200), by_second(run, 200)
    assert found[1].good == 0
    assert found[1].errors.keys() == {"timeout"}
    assert recovery_s(each, 6, 200) == 2
    judged = {bar.name.split(",")[0]: bar.met for bar in bars(found, 9, peak=10, deadline_ms=200)}
    assert judged == {
        "accepted p99": False,
        "refused p99": True,  # nobody was
        "goodput kept": False,
        "recovery": False,
        "other errors": False,
    }


def test_a_second_in_which_requests_die_is_no_recovery():
    run = trace(took=lambda t: 0.1, status=lambda t: TIMEOUT if 6 <= t < 7 and int(t * 1000) % 3 else 200)
    assert recovery_s(by_second(run, 200), 6, 200) == 1


def test_it_counts_what_the_server_did(users, capsys):
    refused = asked = 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal refused, asked
        await request.read()
        asked += 1
        if asked > 30 and asked % 2:
            refused += 1
            return web.Response(status=503, body=REFUSAL)
        return web.Response(body=LOWERED)

    with serving(handle) as address:
        bench("--address", address.url, "--users", users, "--peak", 40, "--seconds", 1, "--quiet", 0.5)
    printed = capsys.readouterr().out
    report = msgspec.json.decode(printed.splitlines()[-1])
    assert (report["benchmark"], report["peak_rps"], report["times"]) == ("overload", 40, 3)
    assert [phase["name"] for phase in report["phases"]] == ["before", "overload", "after"]
    assert [phase["offered"] for phase in report["phases"]] == [40, 120, 20]
    assert sum(phase["refused"] for phase in report["phases"]) == refused > 0
    assert [phase["quality"] for phase in report["phases"]] == [0.5] * 3
    assert sum(second["offered"] for second in report["seconds"]) == 150
    assert report["passed"] is all(bar["met"] for bar in report["bars"])
    assert "goodput kept" in printed


def test_the_peak_is_looked_for(users, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.overload.POINT_S", 0.3)
    monkeypatch.setattr("benchmarks.overload.WARM_UP_S", 0.0)
    seen = 0

    async def handle(request: web.Request) -> web.Response:
        """Nobody is answered after the first 40."""
        nonlocal seen
        await request.read()
        seen += 1
        return web.Response(body=FEED) if seen < 40 else web.Response(status=503)

    with serving(handle) as address, pytest.raises(CascadeError, match="no 200 answer"):
        bench(
            *("--address", address.url, "--users", users, "--seconds", 1, "--quiet", 1),
            *("--deadline-ms", 20, "--json"),
        )
    assert "50/s" in capsys.readouterr().err


@pytest.mark.parametrize("peak", [0, -1, 1e9])
def test_a_bad_peak_is_named(users, peak):
    with pytest.raises(InvalidField, match="peak has value"):
        bench("--address", "http://127.0.0.1:9", "--users", users, f"--peak={peak}")
