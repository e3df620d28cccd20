"""Whether predicted amounts are what happens: a probability of .1 should come true once in ten times."""

import numpy as np

from training.evaluation.ranked import Array, check

#: Bins of the expected calibration error.
BINS = 15


def expected_calibration_error(labels: Array, probabilities: Array, bins: int = BINS) -> float:
    """Mean distance of predicted and true share over bins of equally many rows, weighted by their rows.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015, with
    the equal-mass bins of Nguyen and O'Connor, "Posterior calibration and exploratory analysis for natural language
    processing models", EMNLP 2015. A row's bin follows from the middle rank of its tie, so that equal predictions are
    never parted and the order of the rows does not matter.
    """
    labels, chances = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    check(labels, labels, chances)
    _, tie, length = np.unique(chances, return_inverse=True, return_counts=True)
    middle = np.cumsum(length) - (length + 1) / 2
    bin_of = np.floor(middle * bins / len(chances)).astype(np.int64)[tie]
    gaps = np.bincount(bin_of, chances) - np.bincount(bin_of, labels)
    return float(np.abs(gaps).sum() / len(chances))


def calibration_ratio(labels: Array, predictions: Array) -> float:
    """Sum of the predictions over sum of what happened: above 1 promises too much; NaN when nothing happened.

    He et al., "Practical lessons from predicting clicks on ads at Facebook", ADKDD 2014 (normalised calibration).
    """
    happened = np.sum(labels, dtype=np.float64)
    return float(np.sum(predictions, dtype=np.float64) / happened) if happened else float("nan")
