"""The model that Triton runs, in this process: plain NumPy, and equal to the ranker."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

from cluster.errors import CascadeError
from deployments.triton import model
from deployments.triton.repository import MODEL, version_of, write_repository
from tests.deployments.rankers.releases import ranker_release
from tests.training.models.rankers import requests_of
from training.models.ranker import RankerModel
from training.models.trunks import TrunkName


@pytest.mark.parametrize("trunk", ["shared", "mmoe"])
def test_it_predicts_what_the_ranker_predicts(tmp_path: Path, trunk: TrunkName) -> None:
    release = ranker_release(tmp_path / "releases", trunk)
    version = write_repository(release, tmp_path / "models")
    with np.load(version / "weights.npz") as weights:
        network = model.Network(dict(weights))
    requests = requests_of(np.random.default_rng(4), 40, 1, 30)
    users = np.repeat([each.user_row for each in requests], [len(each.x) for each in requests])
    posts, x = (np.concatenate([getattr(each, name) for each in requests]) for name in ("post_rows", "x"))
    expected = RankerModel.load(release.folder / "ranker").predict_many(requests)
    np.testing.assert_allclose(network.predict(users, posts, x), np.concatenate(expected), rtol=1e-5, atol=1e-6)


def test_it_needs_nothing_but_numpy_and_triton() -> None:
    tree = ast.parse(Path(str(model.__file__)).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    others = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    assert others == {"numpy", "triton_python_backend_utils"}


def test_releases_stand_side_by_side_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    release = ranker_release(tmp_path / "releases")
    out = tmp_path / "models"
    (out / MODEL / "20200101000000").mkdir(parents=True)
    for _ in range(2):
        version = write_repository(release, out)
    assert version.name == version_of(release.name)
    assert {each.name for each in (out / MODEL).iterdir()} == {"20200101000000", version.name, "config.pbtxt"}


def test_a_ple_trunk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="PLE trunk is not there for Triton"):
        write_repository(ranker_release(tmp_path / "releases", "ple"), tmp_path / "models")
