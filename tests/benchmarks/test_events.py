"""`cascade bench events` against a small server and real stores."""

from dataclasses import replace

import msgspec
import pytest
import redis

from benchmarks import effect, events_benchmark
from benchmarks.answers import Answers
from benchmarks.cli import app
from benchmarks.effect import Effect
from benchmarks.events_report import EventsPoint, highest_held
from benchmarks.lag import ConsumerLag
from benchmarks.point import summarise
from cluster.errors import CascadeError
from cluster.event_log import STREAM
from cluster.processes.run_state import write_run
from cluster.settings import load_settings
from tests.benchmarks.event_servers import Cascade
from tests.benchmarks.servers import run_at, serving
from tests.benchmarks.test_point import trace

BATCHES = summarise(trace(0.05), Answers())
LAG = ConsumerLag("users", STREAM, 10, 20, 100.0, 99.0, 0, None)
POINT = EventsPoint(100.0, BATCHES, Effect(0, 0, BATCHES.latency_ms), [LAG])


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path / "home"))


def bench(capsys, *arguments: object) -> dict:
    app(["events", *map(str, arguments), "--slo-ms", "5000"], result_action="return_value")
    return msgspec.json.decode(capsys.readouterr().out.splitlines()[-1])


def test_given_rates(world, store_server, event_server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(events_benchmark, "APPENDED", 500)
    out, cascade = tmp_path / "deep" / "report.json", Cascade(store_server.url)
    with serving(cascade.handle) as address, redis.Redis.from_url(event_server.url) as client:
        before = client.xlen(STREAM)
        run = run_at(address.url, str(world.folder), store_url=store_server.url, events_url=event_server.url)
        write_run(load_settings().run_file, run)
        report = bench(
            capsys, "--rates", "100,200", "--batch", 20, "--seconds", 1.5, "--warmup", 0.2, "--seed", 4, "--out", out
        )
        appended = client.xlen(STREAM) - before
    assert msgspec.json.decode(out.read_bytes()) == report
    assert report["benchmark"] == "events"
    assert report["plan"] | {"rates": [100, 200], "batch": 20, "seed": 4, "address": address.url} == report["plan"]
    assert [point["events_per_s"] for point in report["points"]] == [100, 200]
    assert [point["batches"]["requests"] for point in report["points"]] == [8, 15]
    assert [consumer["name"] for consumer in report["points"][0]["consumers"]] == ["users"]
    for point in [report["unloaded"], *report["points"]]:
        assert point["batches"]["errors"] == {}
        assert point["batches"]["latency_ms"]["p99"] > 0
        assert point["effect"]["watched"] > point["effect"]["missing"] == 0
        assert point["effect"]["ms"]["p50"] > 0
    floor = report["floor"]
    assert floor["most_events_per_s"] > 0
    assert floor["unloaded"]["errors"] == {}
    sustained = floor["at_sustained"]
    assert (sustained is None) == (report["sustained_events_per_s"] == 0)
    # The floor's appends, and nothing else, are in the log: 500 at once, and a batch of 20 for each request.
    batches = floor["unloaded"]["requests"]  # one a second, so none in the warm-up
    if sustained:
        batches += sustained["requests"] + round(0.2 * sustained["rate"])
    assert appended == 500 + 20 * batches
    assert report["not_reported"] == []


def test_refusals_fail_every_rate(world, store_server, event_server, capsys, monkeypatch):
    monkeypatch.setattr(events_benchmark, "APPENDED", 100)
    monkeypatch.setattr(effect, "PATIENCE_S", 0.1)  # this server applies nothing
    seen = 0
    cascade = Cascade(consumers=[])

    async def handle(request):
        nonlocal seen
        seen += request.path == "/v1/events"
        cascade.refuses = 10 if seen % 5 == 0 else 10**9
        return await cascade.handle(request)

    with serving(handle) as address:
        run = run_at(address.url, str(world.folder), store_url=store_server.url, events_url=event_server.url)
        write_run(load_settings().run_file, run)
        report = bench(capsys, "--rates", 300, "--batch", 10, "--seconds", 1, "--warmup", 0, "--json")
    assert report["points"][0]["batches"]["errors"]["429"] > 0
    assert report["sustained_events_per_s"] == 0
    assert report["sustained"] is report["floor"]["at_sustained"] is None
    assert report["not_reported"] == ["consumers: none tells of itself"]


def test_without_a_cascade_it_says_how_to_start_one(capsys):
    with pytest.raises(CascadeError) as error:
        bench(capsys)
    assert "cascade up" in error.value.remedy


def test_a_rate_is_held_when_it_is_acknowledged_and_applied():
    late = replace(LAG, lag_at_end=101)
    refused = replace(BATCHES, errors={"429": 1})
    slow = msgspec.structs.replace(POINT, events_per_s=300.0, consumers=[LAG, late])
    failed = msgspec.structs.replace(POINT, events_per_s=400.0, batches=refused)
    better = msgspec.structs.replace(POINT, events_per_s=200.0)
    assert highest_held([POINT, better, slow, failed], 200) == better
    assert highest_held([slow, failed], 200) is None
    assert POINT.verdict(200) == "ok"
    assert slow.verdict(200) == "users 101 behind"
    assert failed.verdict(200) == "1 429"
    lost = msgspec.structs.replace(POINT, events_per_s=500.0, effect=Effect(9, 1, BATCHES.latency_ms))
    assert highest_held([POINT, lost], 200) == POINT
    assert lost.verdict(200) == "1 without effect"
    assert msgspec.structs.replace(slow, batches=refused).verdict(200) == "1 429; users 101 behind"
