"""`cascade bench serve` against small servers: what it prints, and what it says when it cannot."""

import asyncio
from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp import web

from benchmarks import serving_benchmark, telling
from benchmarks.cli import app
from benchmarks.reporting.files import read_reports, write_report
from benchmarks.serve import parse_rates
from cluster.errors import CascadeError, InvalidField
from cluster.processes.run_state import write_run
from cluster.settings import load_settings
from tests.benchmarks.event_servers import Cascade
from tests.benchmarks.servers import FEED, answers, feed, run_at, serving

ALONE = ("--no-floor", "--no-compute", "--no-state")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path / "home"))


@pytest.fixture
def users(tmp_path) -> Path:
    pq.write_table(pa.table({"user_id": pa.array(range(100), pa.int64())}), tmp_path / "users.parquet")
    return tmp_path


def bench(*arguments: object) -> None:
    app(["serve", *map(str, arguments)], result_action="return_value")


def test_given_rates(users, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(telling, "write_report", partial(write_report, folder=tmp_path / "reports"))
    out = tmp_path / "deep" / "report.json"
    with serving(answers(delay=0.002)) as address:
        bench(
            *("--address", address.url, "--users", users, "--rates", "20,60"),
            *("--seconds", 1, "--warmup", 0.2, "--seed", 5, "--slo-ms", 5000, "--out", out, *ALONE, "--report"),
        )
    [dated] = read_reports(tmp_path / "reports")
    assert (dated.benchmark, len(dated.tables[0].rows), dated.settings["seed"]) == ("serve", 3, 5)
    printed = capsys.readouterr()
    report = msgspec.json.decode(printed.out.splitlines()[-1])
    assert msgspec.json.decode(out.read_bytes()) == report
    assert "verdict" in printed.out
    assert "60/s" in printed.err
    assert report["benchmark"] == "serve"
    assert report["plan"] | {"rates": [20, 60], "seed": 5, "users": 100, "release": None} == report["plan"]
    assert [(point["rate"], point["requests"]) for point in report["points"]] == [(20, 20), (60, 60)]
    assert report["unloaded"]["requests"] == 3
    assert report["unloaded_p50_ms"] >= 2
    for point in report["points"]:
        assert point["errors"] == {}
        assert 2 <= point["latency_ms"]["p50"] <= point["latency_ms"]["p99"] <= point["latency_ms"]["max"]
        assert point["stages_ms"] == {"scoring": {"p50": 0.9, "p99": 0.9}, "total": {"p50": 3.0, "p99": 3.0}}
    assert report["floor"] is report["compute"] is report["efficiency"] is None
    assert [missing.split(":")[0] for missing in report["not_reported"]][-3:] == [
        "compute and efficiency",
        "state reads",
        "the no-op",
    ]
    assert {"cpu", "cores", "versions", "commit", "command", "date"} <= report["machine"].keys()


def test_the_sweep_ends_between_what_the_server_carries_and_what_it_does_not(users, capsys):
    """One request after the other, 20 ms each: 50 a second at most."""
    turn = asyncio.Lock()

    async def handle(request: web.Request) -> web.Response:
        async with turn:
            await asyncio.sleep(0.02)
        return web.Response(body=FEED)

    with serving(handle) as address:
        bench("--address", address.url, "--users", users, "--seconds", 0.7, "--warmup", 0.2, "--json", *ALONE)
    [line] = capsys.readouterr().out.splitlines()
    report = msgspec.json.decode(line)
    rates = [point["rate"] for point in report["points"]]
    assert rates[0] == 50
    assert report["goodput_rps"] < 60
    assert report["goodput_rps"] in [0, *rates]
    assert report["lag_p99_ms"] is not None or report["goodput_rps"] == 0


def test_degraded_and_short_feeds_are_counted_and_errors_fail(users, capsys):
    kinds = [FEED, msgspec.json.encode(feed(degraded=("store",))), msgspec.json.encode(feed(items=3)), b"oops", None]
    seen = 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal seen
        body = kinds[seen % 5]
        seen += 1
        return web.Response(status=200 if body else 503, body=body)

    with serving(handle) as address:
        bench(
            *("--address", address.url, "--users", users, "--rates", 100, "--seconds", 1, "--warmup", 0),
            *("--slo-ms", 5000, "--json", *ALONE),
        )
    report = msgspec.json.decode(capsys.readouterr().out)
    [point] = report["points"]
    assert (point["degraded"], point["short"]) == (20, 20)
    assert point["errors"] == {"503": 20, "malformed": 20}
    assert report["goodput_rps"] == 0
    assert report["lag_p99_ms"] is None


def test_the_running_server_is_found_with_its_users(users, capsys):
    with serving(answers()) as address:
        write_run(load_settings().run_file, run_at(address.url, str(users)))
        bench("--rates", 20, "--seconds", 0.5, "--warmup", 0, "--slo-ms", 5000, "--json", *ALONE)
    report = msgspec.json.decode(capsys.readouterr().out)
    assert (report["plan"]["address"], report["plan"]["release"]) == (address.url, "2022-05-04")
    assert report["plan"]["users"] == 100


def test_events_flow_beside_every_second_point(world, store_server, capsys):
    cascade = Cascade()

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=FEED) if request.path == "/v1/feed" else await cascade.handle(request)

    with serving(handle) as address:
        write_run(load_settings().run_file, run_at(address.url, str(world.folder), store_url=store_server.url))
        bench(
            *("--events", 400, "--batch", 20, "--rates", "20,30", "--seconds", 1, "--warmup", 0.5),
            *("--slo-ms", 5000, "--no-floor", "--no-compute"),
        )
    printed = capsys.readouterr()
    report = msgspec.json.decode(printed.out.splitlines()[-1])
    assert "with 400 events per second" in printed.out
    assert report["plan"]["events_per_s"] == 400
    assert [point["rate"] for point in report["points"]] == [20, 30]
    beside = report["with_events"]
    assert (beside["events_per_s"], beside["batch"]) == (400, 20)
    assert [point["feeds"]["rate"] for point in beside["points"]] == [20, 30]
    for point in beside["points"]:
        assert point["feeds"]["errors"] == point["flow"]["errors"] == {}
        assert point["flow"]["acknowledged"] > 0
        assert [consumer["name"] for consumer in point["consumers"]] == ["users"]
    ratio = beside["goodput_rps"] / report["goodput_rps"] if report["goodput_rps"] else None
    assert beside["ratio"] == pytest.approx(ratio, abs=1e-4)
    assert len(cascade.taken) % 20 == 0
    assert printed.err.count("with 400 events/s") == 2
    for read in (report["state_reads"]["quiet"], report["state_reads"]["busy"]):
        assert (read["requests"], read["errors"]) == (200, {})
        assert 0 < read["latency_ms"]["p50"] <= read["latency_ms"]["p99"]


def test_events_need_a_data_set_to_be_made_of(users):
    with serving(answers()) as address, pytest.raises(CascadeError, match="data set") as error:
        bench("--address", address.url, "--users", users, "--events", 100, *ALONE)
    assert "cascade up" in error.value.remedy


@pytest.mark.parametrize("events", [-1, "nan", 1e6])
def test_bad_rates_of_events_are_named(users, events):
    with pytest.raises(InvalidField, match="events has value"):
        bench("--address", "http://127.0.0.1:9", "--users", users, f"--events={events}", *ALONE)


def test_compute_that_fails_is_named_and_costs_no_results(users, capsys, monkeypatch):
    def fail(bodies: list[bytes]) -> None:
        raise CascadeError("the pipeline is out of order")

    monkeypatch.setattr(serving_benchmark, "measure_compute", fail)
    with serving(answers()) as address:
        bench(
            *("--address", address.url, "--users", users, "--rates", 20, "--seconds", 0.5, "--warmup", 0),
            *("--slo-ms", 5000, "--json", "--no-floor", "--no-state"),
        )
    report = msgspec.json.decode(capsys.readouterr().out)
    assert report["points"][0]["requests"] == 10
    assert report["compute"] is None
    assert "compute and efficiency: the pipeline is out of order" in report["not_reported"]


def test_a_server_that_answers_no_feed_is_an_error(users):
    with (
        serving(answers(status=500)) as address,
        pytest.raises(CascadeError, match="no 200 answer from http://127") as error,
    ):
        bench("--address", address.url, "--users", users, "--slo-ms", 20, *ALONE)
    assert "cascade status" in error.value.remedy


def test_without_users_it_says_what_to_give():
    with pytest.raises(CascadeError) as error:
        bench("--address", "http://127.0.0.1:9", *ALONE)
    assert "--users" in error.value.remedy


@pytest.mark.parametrize(
    ("text", "rates"), [("auto", ()), ("50", (50,)), ("50,100,0.5", (50, 100, 0.5)), ("1e3", (1000,))]
)
def test_rates(text, rates):
    assert parse_rates(text) == rates


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "50,", "nan", "inf", "1e9"])
def test_bad_rates_are_named(text):
    with pytest.raises(InvalidField, match="rates has value"):
        parse_rates(text)
