"""Benchmarks on the real server: every part of their reports."""

import json

import psutil


def test_the_report_has_feeds_floor_compute_and_efficiency(served):
    done = served.cascade(
        *("bench", "serve", "--rates", "5", "--seconds", "2", "--warmup", "1", "--slo-ms", "5000", "--json")
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["plan"]["release"] == served.run.release
    assert report["plan"]["users"] == 200
    [point] = report["points"]
    assert (point["requests"], point["errors"]) == (10, {})
    assert point["cold_start"] < 10
    assert {"scoring", "total"} <= point["stages_ms"].keys()
    assert report["floor"]["unloaded"]["errors"] == {}
    assert report["floor_p50_ms"] > 0
    assert report["compute"]["requests"] == 300
    assert 0 < report["compute_ms"] < 1000
    if report["goodput_rps"]:  # a crowded machine may make the load generator late
        assert report["efficiency"] > 0
    assert not [missing for missing in report["not_reported"] if "no-op" in missing or "compute" in missing]
    assert served.request("GET", "/noop").status == 404


def test_feeds_go_on_while_a_search_runs_on_the_same_ray(served):
    done = served.cascade(
        *(
            "bench",
            "search",
            "two-tower",
            "--rates",
            "5",
            "--seconds",
            "3",
            "--warmup",
            "1",
            "--slo-ms",
            "5000",
            "--json",
        )
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["release"] == served.run.release
    [beside] = report["rates"]
    assert beside["search_cores"] > 0
    for name in ("before", "during", "after"):
        assert (beside[name]["requests"], beside[name]["errors"]) == (15, {})
    assert not [
        process for process in psutil.process_iter(["name"]) if process.info["name"].startswith("ray::Implicit")
    ]
