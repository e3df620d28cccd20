from dataclasses import asdict

import msgspec
import pytest

from benchmarks.answers import Stage
from benchmarks.events_report import EventsReport
from benchmarks.footprint_posts import CatalogueCost, ReleaseBytes
from benchmarks.footprint_report import Footprint
from benchmarks.footprint_stores import EventBytes, PostBytes, UserBytes
from benchmarks.histogram import Percentiles
from benchmarks.machine import describe
from benchmarks.planning.costs import NAMES, SHIPPED, FeedPoint, load_costs
from benchmarks.point import Point
from cluster.errors import CascadeError, InvalidField

FEW = Percentiles(1, 1, 1, 1, 1)


def point(rate: float, p99: float, **fields: object) -> Point:
    told = {
        "achieved": rate,
        "seconds": 8.0,
        "requests": 1,
        "lag_ms": FEW,
        "waited": 0,
        "errors": {},
        "degraded": 0,
        "short": 0,
    }
    told |= {"cold_start": 0, "stages_ms": {}, "client_cpu_us": 1.0, "client_realtime": True, "valid": True}
    return Point(rate=rate, latency_ms=Percentiles(1, 1, p99, p99, p99), **(told | fields))


def written(folder, report):
    file = folder / "report.json"
    file.write_bytes(msgspec.json.encode(report))
    return file


def test_every_shipped_figure_says_where_it_comes_from():
    costs = load_costs()
    assert set(costs.costs) == set(NAMES)
    assert all(cost.source and cost.unit for cost in costs.costs.values())
    for said in (costs.feeds.source, costs.searches.source):
        assert "commit" in said
        assert "cores" in said


def test_a_report_of_feeds_replaces_what_was_shipped(tmp_path):
    points = [point(300, 90), point(200, 20), point(400, 100, achieved=300), point(350, 95, errors={"503": 1})]
    unloaded = point(1, 9, stages_ms={"scoring": Stage(1.5, 3.0)})
    file = written(tmp_path, {"benchmark": "serve", "machine": describe(), "points": points, "unloaded": unloaded})
    costs = load_costs([file])
    assert costs["scoring"] == 1.5
    assert costs.feeds.points == [FeedPoint(200, 20), FeedPoint(300, 90)]  # the others were not kept up with
    assert costs.feeds.cores == describe().cores
    assert {name for name, cost in costs.costs.items() if cost != load_costs().costs[name]} == {"scoring"}


def test_a_report_of_events_replaces_what_was_shipped(tmp_path):
    assert "sustained_events_per_s" in EventsReport.__struct_fields__
    machine = asdict(describe()) | {"cores": 4}
    costs = load_costs(
        [written(tmp_path, {"benchmark": "events", "machine": machine, "sustained_events_per_s": 10_000})]
    )
    assert (costs["log"], costs["event"]) == (10_000, 0.4)


def test_a_footprint_replaces_what_was_shipped(tmp_path):
    report = Footprint(
        "footprint",
        describe(),
        "world",
        UserBytes(10, 2000.0, 1900.0, 3000.0, 9000, 2100.0),
        EventBytes(10, 300.0, 400.0, 20.0),
        PostBytes(10, 1100.0, 450.0),
        ReleaseBytes(600.0, 1500.0),
        [
            CatalogueCost(2000, 32, "IVF,Flat", 130.0, 500.0, 0.2, 1.0),
            CatalogueCost(100, 32, "Flat", 128.0, 900.0, 0.1, 0.0),
        ],
    )
    costs = load_costs([written(tmp_path, report)])
    assert costs.post_bytes(32) == 630
    assert costs.post_bytes(64) == 630 + 2 * 4 * 32
    assert (costs["user"], costs["event_disk"], costs["release_post"]) == (2100, 400, 1500)
    assert costs["log"] == load_costs()["log"]


def test_searches_between_and_beyond_what_was_measured():
    searches = load_costs().searches
    last = searches.points[-1]
    assert searches.ms(last.posts, searches.dim) == pytest.approx(last.ms)
    assert searches.ms(10 * last.posts, searches.dim) == pytest.approx(10 * last.ms)
    assert searches.ms(last.posts, 2 * searches.dim) == pytest.approx(2 * last.ms)
    assert searches.points[0].ms <= searches.ms(20_000, searches.dim) <= searches.points[1].ms
    assert (searches.kind(100), searches.kind(1e9)) == ("Flat", "IVF,Flat")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("no JSON", "cannot be used"),
        ("[]", "cannot be used"),
        ('{"benchmark": "kernels", "machine": {}}', "cannot be used"),
        ('{"benchmark": "serve", "machine": {"command": "", "commit": "", "cores": 2, "cpu": ""}}', "points"),
        ('{"benchmark": "train", "machine": {"command": "", "commit": "", "cores": 2, "cpu": ""}}', "not of train"),
    ],
)
def test_reports_that_cannot_be_used_are_named(tmp_path, content, told):
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(CascadeError, match=told):
        load_costs([tmp_path / "report.json"])


def test_files_of_costs_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(CascadeError, match="No such file"):
        load_costs([tmp_path / "gone.yaml"])
    shipped, file = SHIPPED.read_text(), tmp_path / "costs.yaml"
    for there, instead, told in [
        ("  user: {value: 2693", "  user: {value: -1", "user has value -1"),
        ("  user: {value: 2693", "  user: {value: .nan", "user has value nan"),
        ("  user:", "  person:", "costs lacks user"),
        ("cores: 2\n", "cores: two\n", "cores"),
        ("{posts: 50000,", "{posts: 5000000,", "ascending"),
    ]:
        assert there in shipped
        file.write_text(shipped.replace(there, instead, 1))
        with pytest.raises((CascadeError, InvalidField), match=told):
            load_costs([file])
    file.write_text(shipped.replace("  user: {value: 2693", "  user: {value: 1"))
    assert load_costs([file])["user"] == 1
