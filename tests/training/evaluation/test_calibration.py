import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import CascadeError
from tests.training.evaluation import oracles
from tests.training.evaluation.test_metrics import PATIENT
from training.evaluation.calibration import calibration_ratio, expected_calibration_error

ROWS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.5, 0.51, 0.9, 1.0])), min_size=1, max_size=30)


@PATIENT
@given(ROWS, st.integers(1, 6))
def test_the_error_is_the_mean_gap_of_bins_of_equally_many_rows(rows, bins):
    labels, chances = map(np.array, zip(*rows, strict=True))
    expected = oracles.expected_calibration_error(labels.tolist(), chances.tolist(), bins)
    assert expected_calibration_error(labels, chances, bins) == pytest.approx(expected)
    backwards = expected_calibration_error(labels[::-1], chances[::-1], bins)
    assert backwards == pytest.approx(expected)


def test_true_probabilities_are_calibrated_and_distorted_ones_are_not():
    rng = np.random.default_rng(0)
    chances = rng.random(200_000)
    labels = rng.random(200_000) < chances
    assert expected_calibration_error(labels, chances) < 0.005
    assert calibration_ratio(labels, chances) == pytest.approx(1, abs=0.01)
    assert expected_calibration_error(labels, chances**2) == pytest.approx(1 / 6, abs=0.01)
    assert calibration_ratio(labels, chances**2) == pytest.approx(2 / 3, abs=0.01)


def test_what_has_no_calibration_is_told():
    assert math.isnan(calibration_ratio(np.zeros(3), np.ones(3)))
    with pytest.raises(CascadeError, match="no rows"):
        expected_calibration_error(np.zeros(0), np.zeros(0))
    with pytest.raises(CascadeError, match="scores are not finite"):
        expected_calibration_error(np.ones(2), np.array([0.5, np.nan]))
