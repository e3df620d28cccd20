"""The feature matrix as a network takes it."""

import numpy as np
import pytest

from cluster.errors import CascadeError
from kernels.features import INDEX, NAMES
from tests.training.models.tiny import features
from training.models.inputs import Inputs

X = features(np.random.default_rng(0), 500)


def test_only_columns_that_vary_are_taken() -> None:
    inputs = Inputs.fit([X])
    assert set(inputs.numbers) == {"user_impressions_7d", "post_long_view_rate_28d", "author_seen"}
    assert inputs.categories == ("post_topic", "surface")


def test_numbers_are_standardised_and_cut_off() -> None:
    inputs = Inputs.fit([X])
    numbers, _ = inputs.apply(X)
    assert np.abs(numbers.mean(0)).max() < 0.05
    assert np.abs(numbers.std(0) - 1).max() < 0.1
    odd = X[:2].copy()
    odd[0, INDEX["author_seen"]] = 1e30
    odd[1, INDEX["author_seen"]] = -1e30
    assert inputs.apply(odd)[0][:, inputs.numbers.index("author_seen")].tolist() == [4.0, -4.0]


def test_each_code_has_its_own_row_and_unseen_ones_share_the_first() -> None:
    inputs = Inputs.fit([X])
    _, codes = inputs.apply(X)
    assert len(np.unique(codes[:, 0])) == 5
    assert not set(codes[:, 0]) & set(codes[:, 1])
    odd = X[:3].copy()
    odd[:, INDEX["post_topic"]] = (99, -1, 30_000)
    assert inputs.apply(odd)[1][:, 0].tolist() == [inputs.offsets[0]] * 3
    assert codes.max() < sum(inputs.sizes)


def test_fitting_in_batches_equals_fitting_at_once() -> None:
    whole, parts = Inputs.fit([X]), Inputs.fit([X[:123], X[123:]])
    assert whole.numbers == parts.numbers
    assert whole.sizes == parts.sizes
    np.testing.assert_allclose(whole.mean, parts.mean, rtol=1e-5)
    np.testing.assert_allclose(whole.deviation, parts.deviation, rtol=1e-5)


def test_no_rows_are_refused() -> None:
    with pytest.raises(CascadeError, match="no training rows"):
        Inputs.fit([])
    with pytest.raises(CascadeError, match="no training rows"):
        Inputs.fit([np.zeros((0, len(NAMES)), np.float32)])
