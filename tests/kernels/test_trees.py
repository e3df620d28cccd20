import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.trees import BLOCK, Forest, logistic, predict_forest, predict_forest_numpy
from tests.kernels.bits import assert_same_bits

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 3e38, -3e38], np.float32)


def random_forest(rng, trees, depth, features):
    """Trees of random shape, thresholds taken from few values so that rows hit them exactly."""
    parts = {name: [] for name in ("feature", "threshold", "sign", "left", "value")}
    roots, depths = [], []
    for _ in range(trees):
        root, level = len(parts["left"]), [0]
        roots.append(root)
        for node, at in enumerate(level):  # `level` grows while it is walked
            inner = at < depth and rng.random() < 0.8
            parts["feature"].append(rng.integers(0, features) if inner else 0)
            parts["threshold"].append(rng.integers(-2, 3) if inner else np.nan)
            parts["sign"].append(rng.choice([-1, 1]) if inner else 1)
            parts["left"].append(root + (len(level) if inner else node - 1))
            parts["value"].append(0 if inner else rng.normal())
            level += [at + 1] * 2 * inner
        depths.append(max(level))
    dtypes = {"feature": np.int32, "left": np.int32}
    return Forest(
        **{name: np.array(part, dtypes.get(name, np.float32)) for name, part in parts.items()},
        roots=np.array(roots, np.int64),
        depth=np.array(depths, np.int32),
        base_margin=np.float32(rng.normal()),
        features=features,
    )


def random_rows(rng, rows, features):
    x = rng.integers(-3, 4, (rows, features)).astype(np.float32)
    special = rng.random(x.shape) < 0.2
    x[special] = rng.choice(SPECIAL, special.sum())
    return x


def margins(forest, x):
    out = np.full(len(x), np.nan, np.float32)
    predict_forest(forest, x, out)
    return out


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 8), st.integers(0, 7), st.integers(1, 5), st.integers(0, 2 * BLOCK + 9))
def test_kernel_equals_its_twin(seed, trees, depth, features, rows):
    rng = np.random.default_rng(seed)
    forest, x = random_forest(rng, trees, depth, features), random_rows(rng, rows, features)
    twin = np.full(rows, np.nan, np.float32)
    predict_forest_numpy(forest, x, twin)
    assert_same_bits(margins(forest, x), twin)


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 13])
def test_a_row_has_the_same_margin_in_any_batch(rows):
    rng = np.random.default_rng(rows)
    forest, x = random_forest(rng, 5, 6, 4), random_rows(rng, rows, 4)
    alone = [margins(forest, row[np.newaxis])[0] for row in x]
    assert_same_bits(margins(forest, x), np.array(alone, np.float32))


def stump(sign, threshold):
    return Forest(
        feature=np.zeros(3, np.int32),
        threshold=np.array([threshold, np.nan, np.nan], np.float32),
        sign=np.array([sign, 1, 1], np.float32),
        left=np.array([1, 0, 1], np.int32),
        value=np.array([0, 10, 20], np.float32),
        roots=np.array([0]),
        depth=np.array([1], np.int32),
        base_margin=np.float32(0.5),
        features=1,
    )


def test_below_the_threshold_goes_to_the_first_child_and_nan_to_the_second():
    x = np.array([[0.9], [1.0], [np.nan], [np.inf], [-np.inf]], np.float32)
    assert margins(stump(1, 1), x).tolist() == [10.5, 20.5, 20.5, 20.5, 10.5]


def test_a_mirrored_node_compares_the_negated_value():
    x = np.array([[0.9], [1.0], [1.1], [np.nan]], np.float32)
    assert margins(stump(-1, -1), x).tolist() == [20.5, 20.5, 10.5, 20.5]


@pytest.mark.parametrize("predict", [predict_forest, predict_forest_numpy])
@pytest.mark.parametrize(("columns", "out"), [(2, 4), (1, 3)])
def test_shapes_that_do_not_fit_are_refused(predict, columns, out):
    with pytest.raises(ValueError, match=r"\[C, forest\.features\]"):
        predict(stump(1, 1), np.zeros((4, columns), np.float32), np.zeros(out, np.float32))


def test_logistic_stays_within_zero_and_one():
    probability = logistic(np.array([-np.inf, -200, 0, 200, np.inf], np.float32))
    assert probability.dtype == np.float32
    assert probability.tolist() == pytest.approx([0, 0, 0.5, 1, 1])
