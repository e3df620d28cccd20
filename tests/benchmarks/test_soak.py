"""`cascade bench soak` against a small server and real stores."""

from dataclasses import replace

import msgspec
import pytest
import redis
from aiohttp import web

from benchmarks.answers import Answers
from benchmarks.cli import app
from benchmarks.point import summarise
from benchmarks.soak_report import soaked
from cluster.errors import CascadeError, InvalidField
from cluster.processes.run_state import ProcessId, write_run
from cluster.settings import load_settings
from tests.benchmarks.event_servers import Cascade
from tests.benchmarks.servers import FEED, run_at, serving
from tests.benchmarks.test_point import trace


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path / "home"))


def bench(*arguments: object) -> None:
    app(["soak", *map(str, arguments)], result_action="return_value")


class Feeding(Cascade):
    """Takes events and answers feeds, until it has answered `feeds` of them; each event makes a stream longer."""

    feeds = 10**9

    async def handle(self, request: web.Request) -> web.Response:
        if request.path != "/v1/feed":
            return await super().handle(request)
        self.feeds -= 1
        return web.Response(body=FEED) if self.feeds >= 0 else web.Response(status=500)


def put_up(world, store_server, event_server, url: str) -> None:
    run = run_at(url, str(world.folder), store_url=store_server.url, events_url=event_server.url)
    run = msgspec.structs.replace(run, store=ProcessId.of(store_server.pid), events=ProcessId.of(event_server.pid))
    write_run(load_settings().run_file, run)


def test_feeds_events_memory_and_streams_are_in_the_report(world, store_server, event_server, tmp_path, capsys):
    out, cascade = tmp_path / "deep" / "report.json", Feeding()
    with redis.Redis.from_url(event_server.url) as client, serving(cascade.handle) as address:
        client.xadd("soak-test", {"n": 1})
        put_up(world, store_server, event_server, address.url)
        bench("--minutes", 0.1, "--rate", 20, "--events", 200, "--batch", 10, "--every", 0.25, "--out", out)
    printed = capsys.readouterr().out
    report = msgspec.json.decode(printed.splitlines()[-1])
    assert msgspec.json.decode(out.read_bytes()) == report
    assert "PSS/hour" in printed
    assert (report["benchmark"], report["plan"]["minutes"], report["plan"]["rate"]) == ("soak", 0.1, 20)
    assert [part["requests"] for part in report["parts"]] == [60, 60]
    feeds = report["feeds"]
    assert (feeds["requests"], feeds["errors"], feeds["degraded"]) == (120, {}, 0)
    assert feeds["p99_begin_ms"] == report["parts"][0]["latency_ms"]["p99"] > 0
    assert feeds["p99_end_ms"] == report["parts"][1]["latency_ms"]["p99"] > 0
    assert report["events"]["errors"] == {}
    assert report["events"]["acknowledged"] > 0
    assert [(each["name"], each["lag_at_end"]) for each in report["consumers"]] == [("users", 0)]
    memory = {each["name"]: each for each in report["memory"]}
    assert memory.keys() == {"cascade up", "state store", "event store"}
    for each in memory.values():
        assert each["samples"] > 10
        assert each["rss"]["begin_mb"] > 1
        assert each["rss"]["mb_per_hour"] is not None
        assert each["pss"]["standard_error"] >= 0
    assert {"name": "soak-test", "begin": 1, "end": 1} in report["streams"]
    assert report["ended"] == report["started"] == report["not_reported"] == []


def test_a_server_that_fails_on_the_way_leaves_a_report(world, store_server, event_server, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.soak_benchmark.TIMEOUT_S", 0.1)
    cascade = Feeding()
    cascade.feeds = 100
    with serving(cascade.handle) as address:
        put_up(world, store_server, event_server, address.url)
        bench("--minutes", 0.1, "--rate", 20, "--events", 0, "--json")
    report = msgspec.json.decode(capsys.readouterr().out)
    assert report["feeds"]["errors"] == {"500": 21}  # a probe and 3 s of warm-up had 61 of the 100
    assert len(report["parts"]) == 1
    assert report["not_reported"][0].startswith("parts after 1 of 2: no 200 answer")
    assert report["events"] is None


def test_the_parts_are_summed_up():
    part = summarise(trace(0.05), Answers(degraded=2))
    later = replace(part, errors={"503": 3, "timeout": 1}, latency_ms=replace(part.latency_ms, p99=70.0))
    found = soaked([part, later, later])
    assert (found.requests, found.degraded, found.errors) == (3000, 6, {"503": 6, "timeout": 2})
    assert (found.p99_begin_ms, found.p99_end_ms) == (part.latency_ms.p99, 70.0)


@pytest.mark.parametrize("name", ["minutes", "rate", "events", "every"])
def test_what_makes_no_soak_is_named(name):
    with pytest.raises(InvalidField, match=f"{name} has value"):
        bench(f"--{name}=-1")


def test_without_a_cascade_it_says_how_to_start_one():
    with pytest.raises(CascadeError) as error:
        bench()
    assert "cascade up" in error.value.remedy
