"""`ray_cluster.yaml` is valid for Ray's launcher, and says the same as the code."""

import copy
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from cluster.placement import ROLE_LABEL, Role
from cluster.ray_environment import RAY_ENVIRONMENT

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())
    return loaded


def test_ray_accepts_it(config: dict[str, Any]) -> None:
    validate_config(prepare_config(copy.deepcopy(config)))


def test_an_unknown_key_would_be_refused(config: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="unexpected"):
        validate_config(prepare_config({**copy.deepcopy(config), "colour": "red"}))


def test_every_role_has_its_nodes_and_the_head_has_none(config: dict[str, Any]) -> None:
    types = config["available_node_types"]
    labels = {name: node.get("labels", {}) for name, node in types.items()}
    assert labels.pop(config["head_node_type"]) == {}
    assert sorted(label[ROLE_LABEL] for label in labels.values()) == sorted(Role)
    assert types["head"]["resources"]["CPU"] == 0
    assert [name for name, node in types.items() if node["resources"].get("GPU")] == ["ranker"]


@pytest.mark.parametrize("commands", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_ray_starts_with_the_environment_of_the_code(config: dict[str, Any], commands: str) -> None:
    start = shlex.split(config[commands][-1].split(";", 1)[1])
    program = next(i for i, word in enumerate(start) if word.endswith("/ray"))
    assert dict(word.split("=", 1) for word in start[:program]) == RAY_ENVIRONMENT
    assert start[program + 1] == "start"
    assert ("--num-cpus=0" in start) == ("--head" in start) == (commands == "head_start_ray_commands")


def test_nodes_install_from_the_lock(config: dict[str, Any]) -> None:
    assert any("make install" in command for command in config["setup_commands"])
    assert "-r requirements.lock" in (ROOT / "Makefile").read_text()
    assert config["file_mounts"]["/home/ubuntu/cascade"] == "."
