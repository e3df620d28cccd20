"""Calibration of each head on held-out rows, as a scale and a shift of its logit."""

import numpy as np

from kernels.columns import F32

#: Weight of "the head is calibrated already" against the evidence of the rows, in rows.
_PRIOR_ROWS = 10.0
_STEPS = 50


def platt(logits: F32, labels: F32, offset: F32 | None = None) -> tuple[float, float]:
    """(scale, shift) such that sigmoid(scale * logit + shift) is calibrated on logits[N] and labels[N] of 0 and 1.

    With `offset` [N], sigmoid(scale * logit + shift + offset) is.

    Platt, "Probabilistic Outputs for Support Vector Machines", 1999, by Newton's method, with a Gaussian prior
    around the identity: a head with a handful of positives is moved little. Without rows it is the identity.
    """
    x = np.stack([logits, np.ones_like(logits)], 1).astype(np.float64)
    identity = np.array([1.0, 0.0])
    weights, more = identity.copy(), 0.0 if offset is None else offset.astype(np.float64)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(x @ weights + more, -60, 60)))
        gradient = x.T @ (chance - labels) + _PRIOR_ROWS * (weights - identity)
        hessian = (x * (chance * (1 - chance))[:, None]).T @ x + _PRIOR_ROWS * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    return float(weights[0]), float(weights[1])


def smearing(logs: F32, labels: F32) -> tuple[float, float]:
    """(1, shift) such that exp(log + shift) has the mean of exp(labels): the mean of a log is not the log of a mean.

    Duan, "Smearing Estimate: A Nonparametric Retransformation Method", JASA 1983. Without rows, (1, 0).
    """
    if not len(logs):
        return 1.0, 0.0
    return 1.0, float(np.log(np.exp(labels.astype(np.float64)).mean() / np.exp(logs.astype(np.float64)).mean()))
