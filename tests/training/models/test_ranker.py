"""The ranker in NumPy against the network that was trained."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from cluster.errors import CascadeError
from cluster.ranker_backend import Precision
from kernels.features import NAMES
from tests.training.models.rankers import CONFIG, HEADS, TRUNKS, by_torch, network_of, requests_of, saved
from tests.training.models.tiny import POSTS, USERS, features
from training.models.dense import has_bf16
from training.models.ranker import RankerModel, to_predictions
from training.models.trunks import TrunkName


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return saved(network_of(), tmp_path)


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("user", [-1, 0, USERS - 1])
def test_predict_equals_the_trained_network(tmp_path: Path, trunk: TrunkName, user: int) -> None:
    network = network_of(trunk)
    x = features(np.random.default_rng(user + 5), 100)
    x[:, [NAMES.index("user_impressions_7d"), NAMES.index("surface"), NAMES.index("hour_of_day")]] = (300, 2, 9)
    x[:, NAMES.index("post_duration_s")] = np.linspace(0, 400, 100)
    posts = np.concatenate([[-1, 0, POSTS - 1], np.random.default_rng(4).integers(0, POSTS, 97)])
    predicted = RankerModel.load(saved(network, tmp_path)).predict(user, posts, x)
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, by_torch(network, user, posts, x), rtol=1e-5, atol=1e-5)
    assert ((predicted[:, :2] > 0) & (predicted[:, :2] < 1)).all()
    assert (predicted[:, 2] >= 0).all()


@pytest.mark.parametrize("trunk", TRUNKS)
def test_requests_that_are_predicted_together_are_predicted_as_each_alone(tmp_path: Path, trunk: TrunkName) -> None:
    model = RankerModel.load(saved(network_of(trunk), tmp_path))
    requests = requests_of(np.random.default_rng(8), 40, 0, 1, 25, 0)
    together = model.predict_many(requests)
    for request, predicted in zip(requests, together, strict=True):
        np.testing.assert_allclose(predicted, model.predict(*request), rtol=1e-6, atol=1e-6)
    assert [len(predicted) for predicted in together] == [40, 0, 1, 25, 0]


def test_of_many_posts_the_first_layer_is_made_when_they_are_ranked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = RankerModel.load(folder)
    monkeypatch.setattr("training.models.ranker.PREPARED", POSTS)
    made = RankerModel.load(folder)
    requests = requests_of(np.random.default_rng(8), 40, 25)
    for one, other in zip(prepared.predict_many(requests), made.predict_many(requests), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("trunk", ["shared", "mmoe"])
@pytest.mark.parametrize(
    ("precision", "error"),
    [
        pytest.param("bf16", 0.003, marks=pytest.mark.skipif(not has_bf16(), reason="this processor lacks bf16")),
        ("int8", 0.01),
    ],
)
def test_less_precision_changes_predictions_a_little(
    tmp_path: Path, trunk: TrunkName, precision: Precision, error: float
) -> None:
    folder = saved(network_of(trunk), tmp_path)
    exact, rounded = RankerModel.load(folder), RankerModel.load(folder, precision)
    [request] = requests_of(np.random.default_rng(9), 200)
    differences = np.abs(exact.predict(*request) - rounded.predict(*request))[:, :2]
    assert 0 < differences.max() < error


def test_a_ple_trunk_is_there_in_full_precision_only(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="PLE trunk is served in fp32 only"):
        RankerModel.load(saved(network_of("ple"), tmp_path), "int8")


def test_posts_that_came_after_training_are_unknown(folder: Path) -> None:
    model, x = RankerModel.load(folder), features(np.random.default_rng(3), 1).repeat(4, axis=0)
    predicted = model.predict(3, np.array([-1, POSTS, POSTS + 1_000_000, POSTS - 1]), x)
    np.testing.assert_array_equal(predicted[1:3], predicted[[0, 0]])
    assert not np.allclose(predicted[3], predicted[0])


def test_extreme_logits_stay_finite() -> None:
    logits = np.array([[1e9, -1e9, 1e9], [-1e9, 1e9, -1e9]], np.float32)
    predictions = to_predictions(logits, HEADS)
    assert np.isfinite(predictions).all()
    assert predictions[0, 2] == pytest.approx(3600, rel=1e-4)
    assert predictions[1, 2] == 0


def test_no_candidates_give_no_rows(folder: Path) -> None:
    empty = RankerModel.load(folder).predict(0, np.zeros(0, np.int64), np.zeros((0, len(NAMES)), np.float32))
    assert empty.shape == (0, 3)


def test_a_matrix_of_another_shape_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="x must be"):
        RankerModel.load(folder).predict(0, np.zeros(2, np.int64), np.zeros((2, len(NAMES) - 1), np.float32))


def test_a_missing_weight_is_named(folder: Path) -> None:
    (folder / "trunk.layer.weight.npy").unlink()
    with pytest.raises(CascadeError, match=r"trunk\.layer\.weight\.npy"):
        RankerModel.load(folder)


def test_a_model_of_other_features_is_refused(folder: Path) -> None:
    other = msgspec.structs.replace(CONFIG, features=NAMES[1:])
    (folder / "config.json").write_bytes(msgspec.json.encode(other))
    with pytest.raises(CascadeError, match="other features"):
        RankerModel.load(folder)
