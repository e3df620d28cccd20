"""The ranker in NumPy against the network that was trained."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from cluster.errors import CascadeError
from kernels.features import NAMES
from tests.training.models.tiny import POSTS, SIZES, USERS, drawn_wide, features
from training.models.inputs import Inputs
from training.models.ranker import RankerConfig, RankerModel, save_ranker, to_predictions
from training.models.ranker_network import RankerNetwork, Shape
from training.models.trunks import TrunkName
from training.models.wide import wide_codes, wide_columns
from training.train.wide import ALL

RNG = np.random.default_rng(3)
X = features(RNG, 200)
INPUTS = Inputs.fit([X])
HEADS = ("like", "long_view", "watch_time")
CONFIG = RankerConfig(HEADS, NAMES, INPUTS, (1.0, 0.5, 1.0), (0.0, -0.2, 0.3), SIZES)
WIDE = drawn_wide(RNG, USERS, POSTS, len(HEADS))
TRUNKS: tuple[TrunkName, ...] = ("shared", "mmoe", "ple")


def _network(trunk: TrunkName = "shared") -> RankerNetwork:
    torch.manual_seed(0)
    shape = Shape(USERS, POSTS, len(INPUTS.numbers), sum(INPUTS.sizes), len(HEADS))
    network = RankerNetwork(shape._replace(hidden=64, trunk=trunk, width=32, experts=3))
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)  # no part stays zero, so that each is compared
        network.position.weight[0] = 0
    return network.eval()


def _saved(network: RankerNetwork, folder: Path) -> Path:
    config = msgspec.structs.replace(CONFIG, trunk=network.shape.trunk)
    save_ranker(folder, config, {name: weight.numpy() for name, weight in network.state_dict().items()} | WIDE.served)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _saved(_network(), tmp_path)


def _by_torch(network: RankerNetwork, user: int, posts: np.ndarray, x: np.ndarray) -> np.ndarray:
    numbers, codes = INPUTS.apply(x)
    users = torch.full((len(posts),), user + 1)
    with torch.inference_mode():
        parts = (torch.from_numpy(posts + 1), torch.from_numpy(numbers), torch.from_numpy(codes))
        codes = torch.from_numpy(wide_codes(wide_columns(x), SIZES))
        wide = WIDE(torch.full_like(users, ALL), users, parts[0], codes)
        logits = (network(users, *parts, torch.zeros_like(users)) + wide).numpy()
    return to_predictions(logits * np.array(CONFIG.scale, np.float32) + np.array(CONFIG.shift, np.float32), HEADS)


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("user", [-1, 0, USERS - 1])
def test_predict_equals_the_trained_network(tmp_path: Path, trunk: TrunkName, user: int) -> None:
    network = _network(trunk)
    x = features(np.random.default_rng(user + 5), 100)
    x[:, [NAMES.index("user_impressions_7d"), NAMES.index("surface"), NAMES.index("hour_of_day")]] = (300, 2, 9)
    x[:, NAMES.index("post_duration_s")] = np.linspace(0, 400, 100)
    posts = np.concatenate([[-1, 0, POSTS - 1], RNG.integers(0, POSTS, 97)])
    predicted = RankerModel.load(_saved(network, tmp_path)).predict(user, posts, x)
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, _by_torch(network, user, posts, x), rtol=1e-5, atol=1e-5)
    assert ((predicted[:, :2] > 0) & (predicted[:, :2] < 1)).all()
    assert (predicted[:, 2] >= 0).all()


def test_posts_that_came_after_training_are_unknown(folder: Path) -> None:
    model, x = RankerModel.load(folder), X[:1].repeat(4, axis=0)
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
