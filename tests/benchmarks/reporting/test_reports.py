"""From a report to the files of it, and to the page of all."""

from dataclasses import replace
from html.parser import HTMLParser

import msgspec
import pytest

from benchmarks.cli import app
from benchmarks.machine import describe
from benchmarks.reporting.document import Bars, Document, Figure, Grid, Lines, Series
from benchmarks.reporting.files import read_reports, write_report
from cluster.errors import CascadeError

MACHINE = replace(describe(), date="2026-11-22T18:43:31+00:00")
DOCUMENT = Document(
    benchmark="serve",
    title="Serving <feeds>",
    summary="240 feeds/s, says `serve`.",
    figures=[Figure("goodput", "240 feeds/s", "p99 <= 200 ms")],
    machine=MACHINE,
    settings={"seconds": 10.0},
    tables=[Grid("All points", ["offered", "p99"], [["50", "3 | 4"]])],
    charts=[
        Lines("Latency", "feeds/s", "ms", [Series("p99", [1.0, 50.0], [3.0, float("nan")])], 200.0),
        Bars("Goodput", "feeds/s", ["fused"], [240.0]),
    ],
    notes=["open loop"],
    not_reported=["surfaces but home"],
)


class Tags(HTMLParser):
    """Counts elements, and keeps those that would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.fetched += [value for name, value in attrs if name == "src" or (name == "href" and value[0] != "#")]


def bench(*arguments: object) -> None:
    app(["report", *map(str, arguments)], result_action="return_value")


def test_a_report_is_written_as_markdown_json_and_charts(tmp_path):
    path = write_report(DOCUMENT, tmp_path / "reports")
    assert {file.name for file in path.parent.iterdir()} == {
        "20261122-184331-serve.md",
        "20261122-184331-serve.json",
        "20261122-184331-serve-1.svg",
        "20261122-184331-serve-2.svg",
    }
    text = path.read_text()
    assert "* goodput: **240 feeds/s** (p99 <= 200 ms)" in text
    assert "![Latency](20261122-184331-serve-1.svg)" in text
    assert "| 50 | 3 \\| 4 |" in text
    for part in (MACHINE.command, MACHINE.commit, MACHINE.cpu, "numba", "surfaces but home", "seconds 10.0"):
        assert part in text
    [read] = read_reports(path.parent)
    assert msgspec.to_builtins(read.machine) == msgspec.to_builtins(MACHINE)
    assert read.charts[0].series[0].y == [3.0, None]
    assert (read.title, read.charts[1]) == (DOCUMENT.title, DOCUMENT.charts[1])


def test_the_page_has_the_latest_of_each_benchmark_first_and_needs_nothing_else(tmp_path, capsys):
    older = msgspec.structs.replace(DOCUMENT, machine=replace(MACHINE, date="2026-11-21T00:00:00+00:00"), summary="OLD")
    kernels = msgspec.structs.replace(
        DOCUMENT, benchmark="kernels", machine=replace(MACHINE, date="2026-11-20T00:00:00+00:00"), summary="KERNELS"
    )
    for document in (older, DOCUMENT, kernels):
        write_report(document, tmp_path)
    bench("--folder", tmp_path, "--json")
    told = msgspec.json.decode(capsys.readouterr().out)
    assert told == {"page": str(tmp_path / "index.html"), "reports": 3}
    text = (tmp_path / "index.html").read_text()
    tags = Tags()
    tags.feed(text)
    assert tags.fetched == []
    assert tags.seen.count("svg") == 6
    assert "script" not in tags.seen
    assert text.index("240 feeds/s, says <code>serve</code>.") < text.index("OLD") < text.index("KERNELS")
    assert "Serving &lt;feeds&gt;" in text


def test_without_reports_there_is_no_page(tmp_path):
    with pytest.raises(CascadeError, match="no reports") as error:
        bench("--folder", tmp_path)
    assert "--report" in error.value.remedy
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(CascadeError, match="is no report"):
        bench("--folder", tmp_path)
