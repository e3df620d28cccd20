import json
import re
import shlex
from pathlib import Path

import pytest

from benchmarks.planning.costs import load_costs
from benchmarks.planning.sizing import size
from cluster.cli import app
from cluster.errors import InvalidField
from tests.benchmarks.planning.asked import NODE, demand, goals

DOC = (Path(__file__).parents[3] / "docs/capacity.md").read_text()


def run(capsys, arguments: str) -> list[str]:
    """Lines of `cascade plan`, without spaces at their ends."""
    app(["plan", *shlex.split(arguments)], result_action="return_value")
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_the_documented_plan_is_what_the_command_says(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    command = re.search(r"^\$ cascade plan (.*)$", DOC, re.MULTILINE)[1]
    lines = run(capsys, command)
    needs = "\n".join(lines[: lines.index("What this rests on")])
    missing = "\n".join(lines[lines.index("Not built or tried yet, and needed for this:") : -1])
    again = f"docs/capacity.md is to show what `COLUMNS=100 cascade plan {command}` prints"
    assert f"$ cascade plan {command}\n{needs}\n```" in DOC, again
    assert f"```\n{missing}\n```" in DOC, again
    report = json.loads(lines[-1])
    assert report["nodes"] == 4 * report["region"]["feeds"]["servers"]["nodes"] + 4 * (
        report["region"]["retrieval"]["servers"]["nodes"] + report["region"]["stores"]["nodes"]
    )
    assert {"measured", "assumed", "asked", "settings"} == {each["basis"] for each in report["assumptions"]}
    assert all(each["source"] and each["value"] for each in report["assumptions"])


def test_the_other_documented_plans_are_what_sizing_says():
    rows = re.findall(r"^\| `--posts (\S+?)(?: (--\S+) (\S+))?` \| ([\d,]+) \| ([\d,]+), ", DOC, re.MULTILINE)
    assert len(rows) >= 6
    options = {"--retention-hours": "retention_hours", "--p99-ms": "p99_ms"}
    for posts, option, value, nodes, replicas in rows:
        goal = goals(explain_gib=512e6 / 2**30, **({options[option]: float(value)} if option else {}))
        asked = demand(2e9, model_users=1e7, posts=float(posts), regions=4)
        region = size(asked, goal, NODE, load_costs())
        assert f"{4 * region.nodes:,}" == nodes
        assert f"{region.feeds.servers.replicas:,}" == replicas


def test_a_load_of_ones_own_a_price_and_a_file(capsys, tmp_path):
    (tmp_path / "day.csv").write_text("hour,load\n4,1\n20,3\n")
    out = tmp_path / "plan.json"
    lines = run(
        capsys, f"--dau 1e5 --posts 1e4 --load {tmp_path}/day.csv --node-price 2.5 --zones 1 --json --out {out}"
    )
    [line] = lines
    report = json.loads(line)
    assert json.loads(out.read_text()) == report
    assert report["demand"]["peak_factor"] == pytest.approx(1.5)
    assert report["price_month"] == report["nodes"] * 2.5 * 24 * 30
    assert report["region"]["topology"] == "fused"
    assert [day["name"] for day in report["days"]] == ["none", "settings", "advised"]
    assert all(len(day["day"]["replicas"]) == 24 for day in report["days"])


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ("--dau -1 --posts 1e6", "--dau"),
        ("--dau nan --posts 1e6", "--dau"),
        ("--dau 1e6 --posts 0", "--posts"),
        ("--dau 1e6 --posts 1e6 --node-cpus 0", "--node-cpus"),
        ("--dau 1e6 --posts 1e6 --node-memory-gib 2", "--node-memory-gib"),
        ("--dau 1e6 --posts 1e6 --p99-ms 1", "--p99-ms"),
        ("--dau 1e6 --posts 1e12", "--p99-ms"),
        ("--dau 1e6 --posts 1e6 --peak-factor 0.5", "--peak-factor"),
        ("--dau 1e6 --posts 1e6 --flash-crowd 0", "--flash-crowd"),
    ],
)
def test_what_cannot_be_is_refused_by_option(capsys, arguments, option):
    with pytest.raises(InvalidField, match="must be") as told:
        run(capsys, arguments)
    assert told.value.field == option
    assert capsys.readouterr().out == ""
