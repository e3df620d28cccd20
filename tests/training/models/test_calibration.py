"""Calibration of heads."""

import numpy as np

from training.models.calibration import platt, smearing


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def test_platt_finds_the_scale_and_shift_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, 200_000).astype(np.float32)
    labels = (rng.random(len(logits)) < _sigmoid(0.5 * logits - 1)).astype(np.float32)
    scale, shift = platt(logits, labels)
    assert abs(scale - 0.5) < 0.02
    assert abs(shift + 1) < 0.02


def test_platt_moves_a_head_little_on_little_evidence() -> None:
    logits = np.array([-3.0, -3.0, -2.5, -3.5], np.float32)
    scale, shift = platt(logits, np.zeros(4, np.float32))
    assert abs(scale - 1) < 0.1
    assert abs(shift) < 0.1


def test_without_rows_nothing_is_changed() -> None:
    none = np.zeros(0, np.float32)
    assert platt(none, none) == (1.0, 0.0)
    assert smearing(none, none) == (1.0, 0.0)


def test_smearing_restores_the_mean() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(2, 0.5, 50_000).astype(np.float32)
    labels = (truth + rng.normal(0, 1, len(truth))).astype(np.float32)
    scale, shift = smearing(truth, labels)
    assert np.isclose(np.exp(scale * truth.astype(np.float64) + shift).mean(), np.exp(labels.astype(np.float64)).mean())
    assert shift > 0.4  # the mean of exp is above exp of the mean
