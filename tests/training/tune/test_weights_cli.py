"""`cascade tune weights` from a folder of tables to settings."""

from pathlib import Path

import pytest

from cluster.errors import InvalidField
from training.data.dataset import DataSet
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise
from training.tune.cli import app

DAYS = ("--train-until", "20240103", "--test", "20240104")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return synthesise(Parameters(users=60, posts=80, days=4, seed=3), tmp_path_factory.mktemp("cli") / "world")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("--worth", "like"), "--worth"),
        (("--worth", "like=much"), "--worth"),
        (("--worth", "joy=1"), "--worth"),
        (("--trials", "0"), "--trials"),
        (("--decay", "-1"), "--decay"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(
    world: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], field: str
) -> None:
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path))
    with pytest.raises(InvalidField, match=f"{field} has value"):
        app(["weights", "--data", str(world.folder), *DAYS, *arguments], result_action="return_value")
    assert not (tmp_path / "work").exists()
