"""Decisions as serving logs them, and what they tell of other policies."""

import json
from pathlib import Path

import numpy as np
import pytest

from cluster.archive import write_table
from cluster.cli import app
from cluster.decisions import Decision, decisions_table
from cluster.errors import CascadeError
from training.policy.logged import judge_logged, logged_decisions

ARMS = ("popular", "fresh")


def written(folder: Path, count: int = 2_000) -> None:
    """Feeds of whom half like fresh posts, the others popular ones; older files first by number, not by name."""
    rng = np.random.default_rng(0)
    for part, position in enumerate(("9-0", "10-0")):
        earned = []
        for _ in range(count // 2):
            likes = int(rng.random() < 0.5)
            arm = int(rng.random() < 0.8)
            reward = float(rng.random() < (0.6 if arm == likes else 0.2))
            earned.append((Decision.of(ARMS, np.array([1.0, likes, part]), np.array([0.2, 0.8]), arm), reward))
        write_table(folder / f"{position}.parquet", decisions_table(earned))


def test_a_policy_that_was_not_served_is_worth_what_the_log_says(tmp_path: Path) -> None:
    written(tmp_path)
    found = judge_logged(tmp_path)
    assert found.decisions == 1_000
    for name in ("ips", "snips", "dr"):
        assert getattr(found.estimates["always popular"], name).value == pytest.approx(0.4, abs=0.08)
        assert getattr(found.estimates["LinUCB"], name).value == pytest.approx(0.6, abs=0.08)
    assert found.estimates["random mix"].dr.value == pytest.approx(0.4, abs=0.08)
    assert logged_decisions(tmp_path)[1].x[:1_000, 2].max() == 0


def test_decisions_among_other_sources_are_left_out(tmp_path: Path) -> None:
    written(tmp_path, 200)
    other = Decision.of(("one", "two", "three"), np.ones(3), np.full(3, 1 / 3), 2)
    write_table(tmp_path / "8-0.parquet", decisions_table([(other, 1.0)] * 50))
    sources, log = logged_decisions(tmp_path)
    assert (sources, len(log.arm)) == (ARMS, 200)


def test_the_command_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path)
    app(["evaluate", "policy", "--decisions", str(tmp_path), "--json"], result_action="return_value")
    told = json.loads(capsys.readouterr().out)
    assert told["sources"] == list(ARMS)
    assert told["estimates"]["always fresh"]["effective"] > told["estimates"]["always popular"]["effective"]
    app(["evaluate", "policy", "--decisions", str(tmp_path)], result_action="return_value")
    assert "always fresh" in capsys.readouterr().out


def test_too_few_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="0 decisions"):
        judge_logged(tmp_path)
