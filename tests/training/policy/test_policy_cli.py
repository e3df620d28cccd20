"""`cascade evaluate policy`, and the exploration slot that it tries."""

import json

import pytest

from cluster.cli import app
from cluster.errors import InvalidField
from training.data.dataset import DataSet


def test_what_is_found_is_printed_as_json(
    world: DataSet, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory, monkeypatch
) -> None:
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path_factory.mktemp("home")))
    options = ["--data", str(world.folder), "--impressions", "5000", "--json"]
    app(["evaluate", "policy", *options], result_action="return_value")
    found = json.loads(capsys.readouterr().out)
    assert found["slots"] == 5000
    earned = {name: of["expected"] for name, of in found["sources"].items()}
    assert earned["random mix"] < min(earned["LinUCB"], earned["Thompson"]) < earned["oracle"]
    assert {(of["log"], of["target"]) for of in found["estimates"]} >= {("random mix", "LinUCB")}
    assert all(abs(of["errors"]["dr"]) < 0.3 for of in found["estimates"])
    slot = {name: of["expected"] for name, of in found["exploration_slot"].items()}
    assert slot["random post"] < slot["Beta-Thompson"] < slot["oracle"]


@pytest.mark.parametrize("option", [("--impressions", "0"), ("--epsilon", "0"), ("--epsilon", "1.5")])
def test_what_makes_no_sense_is_refused(option: tuple[str, str]) -> None:
    with pytest.raises(InvalidField):
        app(["evaluate", "policy", *option], result_action="return_value")
