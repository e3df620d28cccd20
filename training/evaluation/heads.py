"""What each head of a model is worth: can it tell rows apart, and does what it promises happen."""

from collections.abc import Mapping

import numpy as np

from kernels.actions import BIT
from kernels.columns import I64
from training.evaluation.calibration import calibration_ratio, expected_calibration_error
from training.evaluation.metrics import auc, log_loss
from training.evaluation.ranked import Array
from training.features.log import Log
from training.models.ranker import WATCH


def head_report(log: Log, rows: I64, predictions: Mapping[str, Array]) -> dict[str, dict[str, float]]:
    """Figures of each head's predictions [len(rows)] for the impressions `rows`, over those with a label.

    A probability has rows, positives, auc, log_loss, ece (expected calibration error) and calibration (predicted over
    true); watch time has rows, mean_s, error_s (mean absolute error) and calibration.
    """
    seen = log.impressions
    report: dict[str, dict[str, float]] = {}
    for name, predicted in predictions.items():
        if name == WATCH:
            labels = seen.watch_s[rows].astype(np.float64)
            known = ~np.isnan(labels)
        else:
            labels = (seen.actions[rows] & BIT[name] != 0).astype(np.float64)
            known = seen.known[rows] & BIT[name] != 0
        figures = _seconds if name == WATCH else _probability
        report[name] = figures(labels[known], predicted[known]) if known.any() else {"rows": 0}
    return report


def _probability(labels: Array, predicted: Array) -> dict[str, float]:
    return {
        "rows": len(labels),
        "positives": int(labels.sum()),
        "auc": auc(labels, predicted),
        "log_loss": log_loss(labels, predicted),
        "ece": expected_calibration_error(labels, predicted),
        "calibration": calibration_ratio(labels, predicted),
    }


def _seconds(labels: Array, predicted: Array) -> dict[str, float]:
    return {
        "rows": len(labels),
        "mean_s": float(labels.mean()),
        "error_s": float(np.abs(predicted - labels).mean()),
        "calibration": calibration_ratio(labels, predicted),
    }
