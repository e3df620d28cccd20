"""`cascade tune`: what can be asked for."""

import pytest

from cluster.errors import CascadeError, InvalidField
from training.tune.cli import app


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["session"], "model has value 'session': must be one of two-tower, ranker, prerank"),
        (["ranker", "--until", "20220431"], "--until has value '20220431': must be a date as yyyymmdd"),
        (["ranker", "--trials", "0"], "--trials has value 0: must be at least 1"),
        (["ranker", "--concurrency", "0"], "--concurrency has value 0: must be at least 1"),
        (["ranker", "--cpus-per-trial", "-1"], "--cpus-per-trial has value -1: must be at least 1"),
        (["ranker", "--recipe", "slow"], "recipe has value 'slow': must be one of default, quick"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(arguments: list[str], message: str) -> None:
    with pytest.raises(InvalidField, match=message):
        app(arguments, result_action="return_value")


def test_more_than_this_machine_has_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASCADE_RAY__NUM_CPUS", "4")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(CascadeError, match="has value '3 x 2': Ray on this machine has 4 CPUs"):
        app(["ranker", "--concurrency", "3", "--cpus-per-trial", "2"], result_action="return_value")
