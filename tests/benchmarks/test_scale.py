"""`cascade bench scale`: its cases, what it makes of what was measured, and what it refuses."""

import pytest

from benchmarks.cli import app
from benchmarks.documents.scale import scale_document
from benchmarks.machine import describe
from benchmarks.reporting.files import read_reports, write_report
from benchmarks.scale_cases import Case, cases
from benchmarks.scale_report import COLUMNS, Report, Scaled, rows, table
from cluster.environment import environment
from cluster.errors import CascadeError
from cluster.settings import load_settings
from tests.benchmarks.test_compare import PLAN, turn


def report(*goodputs: float) -> Report:
    sizes = [Case(1000 * 10**c, 1.0, 2) for c in range(len(goodputs))]
    measured = [Scaled(c, 0.98, 9.0, turn("fused", 1, g).figures, 2048.0) for c, g in zip(sizes, goodputs, strict=True)]
    return Report("scale", describe(), PLAN, measured, ["much"])


def test_one_thing_is_changed_at_a_time():
    assert cases([10, 20, 30], [1.0, 2.0], [2, 1]) == [
        Case(10, 1.0, 2),
        Case(20, 1.0, 2),
        Case(30, 1.0, 2),
        Case(10, 2.0, 2),
        Case(10, 1.0, 1),
    ]


@pytest.mark.parametrize("times", [0.001, 0.5, 1, 3])
def test_a_case_is_settings_that_are_allowed(times, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = load_settings()
    with environment(Case(10, times, 3).environment(before.quotas)):
        settings = load_settings()
    assert settings.quotas.rank == max(1, round(before.quotas.rank * times))
    assert settings.quotas.fresh_hours == before.quotas.fresh_hours
    assert (settings.serving.min_replicas, settings.serving.most_replicas) == (3, 3)
    assert load_settings() == before


def test_each_case_is_beside_the_first():
    told = report(200, 150, 0)
    share = COLUMNS.index("of the first")
    assert [row[share] for row in rows(told)] == ["1.00", "0.75", "0.00"]
    assert [row[0] for row in rows(told)] == ["1,000", "10,000", "100,000"]
    assert table(told).row_count == 3
    assert [row[share] for row in rows(report(0, 100))] == ["", ""]


def test_the_report_is_of_the_largest_catalogue(tmp_path):
    document = scale_document(report(200, 150))
    assert {figure.label: figure.value for figure in document.figures} == {
        "goodput, 10,000 posts": "150 feeds/s",
        "memory, 10,000 posts": "1.9 GiB",
    }
    assert {len(row) for row in document.tables[0].rows} == {len(COLUMNS)}
    write_report(document, tmp_path)
    assert read_reports(tmp_path)[0].figures == document.figures


def test_it_needs_a_release(tmp_path, monkeypatch):
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path))
    with pytest.raises(CascadeError):
        app(["scale"], result_action="return_value")
