import json

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import CascadeError
from kernels.trees import logistic, predict_forest
from tests.kernels.bits import assert_same_bits
from training.models.forest import forest_from_xgboost, load_forest, save_forest

FEATURES = 6


def rows(count, seed=0, missing=0.15):
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(count, FEATURES)), 1).astype(np.float32)  # rounded: rows meet thresholds exactly
    x[rng.random(x.shape) < missing] = np.nan
    return x


def train(rounds=12, missing=0.15, **parameters):
    x = rows(600, missing=missing)
    label = (np.nansum(x, axis=1) + np.random.default_rng(1).normal(size=len(x)) > 0.5).astype(float)
    data = xgboost.DMatrix(x, label)
    if str(parameters.get("objective")).startswith("rank:"):
        data.set_group([20] * 30)
    return xgboost.train({"nthread": 1, "seed": 0, **parameters}, data, rounds)


def margins(forest, x):
    out = np.full(len(x), np.nan, np.float32)
    predict_forest(forest, x, out)
    return out


def assert_equal_margins(booster, x):
    expected = booster.predict(xgboost.DMatrix(x), output_margin=True)
    np.testing.assert_allclose(margins(forest_from_xgboost(booster), x), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("depth", range(1, 9))
@pytest.mark.parametrize("objective", ["binary:logistic", "rank:pairwise", "rank:ndcg", "reg:squarederror"])
def test_margins_equal_xgboost(objective, depth):
    booster = train(objective=objective, max_depth=depth)
    assert_equal_margins(booster, rows(333, seed=depth))


def test_margins_equal_xgboost_where_no_training_row_missed_a_value():
    assert_equal_margins(train(missing=0, max_depth=6), rows(200, missing=0.3))


@pytest.mark.parametrize(
    "parameters",
    [
        {"base_score": 0.9, "objective": "binary:logistic"},
        {"base_score": -3.5, "objective": "reg:squarederror"},
        {"grow_policy": "lossguide", "max_depth": 0, "max_leaves": 40},
        {"gamma": 1e9},
        {"num_parallel_tree": 3, "subsample": 0.5},
        {"tree_method": "exact"},
    ],
    ids=str,
)
def test_margins_equal_xgboost_for_trees_of_other_shapes(parameters):
    assert_equal_margins(train(**parameters), rows(100))


def test_margins_equal_xgboost_without_any_tree_and_for_a_slice():
    assert_equal_margins(train(rounds=0), rows(5))
    assert_equal_margins(train()[:4], rows(100))


def test_logistic_of_the_margin_is_the_probability():
    booster, x = train(objective="binary:logistic"), rows(100)
    probability = logistic(margins(forest_from_xgboost(booster), x))
    np.testing.assert_allclose(probability, booster.predict(xgboost.DMatrix(x)), rtol=1e-5, atol=1e-7)


class Saved:
    """Stands for a booster that saves the given tree."""

    def __init__(self, tree):
        model = {"trees": [tree]}
        self.learner = {
            "gradient_booster": {"name": "gbtree", "model": model},
            "learner_model_param": {"base_score": "[5E-1]", "num_class": "0", "num_feature": "2"},
            "objective": {"name": "reg:squarederror"},
        }

    def save_raw(self, raw_format):
        assert raw_format == "json"
        return bytearray(json.dumps({"learner": self.learner}).encode())


corners = st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 3.4e38, -3.4e38, 0.1])


@st.composite
def saved_trees(draw):
    """A random tree in XGBoost's own layout: children anywhere, the second not always after the first."""
    tree = {name: [] for name in ("left_children", "right_children", "default_left", "split_indices")}
    tree["split_conditions"], level = [], [0]
    for at in level:  # grows while it is walked
        inner = at < 4 and draw(st.booleans())
        children = draw(st.permutations([len(level), len(level) + 1])) if inner else [-1, -1]
        tree["left_children"].append(children[0])
        tree["right_children"].append(children[1])
        tree["default_left"].append(int(draw(st.booleans())))
        tree["split_indices"].append(draw(st.integers(0, 1)) if inner else 0)
        tree["split_conditions"].append(draw(corners) if inner else float(len(level)))
        level += [at + 1] * 2 * inner
    tree["split_type"] = [0] * len(level)
    return tree


def walk(tree, x):
    """XGBoost's rule, in plain words: below goes left, missing goes by default, all else goes right."""
    node = 0
    while tree["left_children"][node] >= 0:
        value = x[tree["split_indices"][node]]
        below = value < np.float32(tree["split_conditions"][node])
        left = bool(tree["default_left"][node]) if np.isnan(value) else below
        node = tree["left_children" if left else "right_children"][node]
    return 0.5 + tree["split_conditions"][node]


@settings(deadline=None)
@given(saved_trees(), st.lists(st.tuples(*[corners | st.sampled_from([np.nan, np.inf, -np.inf])] * 2), min_size=1))
def test_every_value_goes_where_xgboost_sends_it(tree, x):
    x = np.array(x, np.float32)
    assert margins(forest_from_xgboost(Saved(tree)), x).tolist() == [walk(tree, row) for row in x]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"booster": "dart"}, "only gbtree"),
        ({"booster": "gblinear"}, "only gbtree"),
        ({"objective": "multi:softprob", "num_class": 3}, "several outputs"),
        ({"objective": "count:poisson"}, "count:poisson"),
    ],
)
def test_what_a_forest_cannot_hold_is_refused(parameters, message):
    with pytest.raises(CascadeError, match=message) as caught:
        forest_from_xgboost(train(rounds=2, **parameters))
    assert caught.value.remedy


def test_categorical_splits_are_refused():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, (200, 1)).astype(float)
    data = xgboost.DMatrix(x, x[:, 0] % 2, feature_types=["c"], enable_categorical=True)
    with pytest.raises(CascadeError, match="categories"):
        forest_from_xgboost(xgboost.train({"nthread": 1, "max_cat_to_onehot": 1}, data, 2))


def test_a_saved_forest_comes_back_equal(tmp_path):
    forest = forest_from_xgboost(train())
    save_forest(forest, tmp_path / "forest.npz")
    loaded = load_forest(tmp_path / "forest.npz")
    for ours, read in zip(forest, loaded, strict=True):
        assert type(ours) is type(read)
        assert_same_bits(ours, read)
    assert_same_bits(margins(loaded, rows(50)), margins(forest, rows(50)))


def test_a_file_that_lacks_a_part_is_refused_by_name(tmp_path):
    path = tmp_path / "forest.npz"
    np.savez(path, feature=np.zeros(1))
    with pytest.raises(CascadeError, match=r"forest\.npz lacks .*base_margin"):
        load_forest(path)
