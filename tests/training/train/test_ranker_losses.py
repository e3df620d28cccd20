"""Losses of the ranker, each on a world small enough to know what must come out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit

from training.data.synth.behaviour import examination
from training.evaluation.calibration import calibration_ratio, expected_calibration_error
from training.models.ranker_network import POSITIONS, RankerNetwork, Shape
from training.train.ranker_learner import Learner, RankerTraining
from training.train.ranker_losses import PositionBias, WatchLoss
from training.train.ranker_rows import Rows, thinned
from training.train.wide import FOLDS, WidePart

HOW = RankerTraining(epochs=5, batch=256, learning_rate=0.03, weight_decay=0, dropout=0, warmup_steps=10)
ROWS, SLOTS = 16_000, 20


def _rows(numbers: np.ndarray, labels: np.ndarray, position: np.ndarray | None = None) -> Rows:
    nobody = torch.zeros(len(numbers), dtype=torch.int64)
    slots = nobody if position is None else torch.from_numpy(np.clip(position + 1, 0, POSITIONS)).long()
    known = torch.ones(labels.shape)
    columns = (torch.from_numpy(numbers).float(), nobody[:, None], torch.from_numpy(labels).float(), known)
    return Rows(nobody, nobody, slots, *columns[:2], nobody, nobody[:, None], *columns[2:])


def _learned(rows: Rows, heads: Sequence[str], how: RankerTraining = HOW, **changes: Any) -> Learner:
    torch.manual_seed(0)
    shape = Shape(1, 1, rows.numbers.shape[1], 1, len(heads), embedding=8, hidden=16, width=8)
    network = RankerNetwork(shape)
    nothing = WidePart(*np.zeros((3, FOLDS + 1, 2, len(heads)), np.float32), sizes=(1,))
    learner = Learner(network, network, nothing, heads, replace(how, **changes))
    for epoch in range(learner.how.epochs):
        assert np.isfinite(list(learner.epoch(rows, epoch))).all()
    return learner


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Batches this small are slower on two, and far slower when something else computes beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def ranked_world() -> tuple[Rows, np.ndarray]:
    """People like posts by b + 0.5 a, but are shown those of great a first, and look less and less far down."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, ROWS // SLOTS, SLOTS))
    position = np.argsort(np.argsort(-(a + rng.normal(size=a.shape)), 1), 1).ravel()
    a, b = a.ravel(), b.ravel()
    liked = (rng.random(ROWS) < expit(b + 0.5 * a - 2)) & (rng.random(ROWS) < examination(position))
    return _rows(np.stack([a, b], 1), liked[:, None], position), b + 0.5 * a - 2


def _worth_of_a(rows: Rows, position_bias: PositionBias) -> float:
    """How much a counts when b counts as 1."""
    logits = _learned(rows, ["like"], HOW, position_bias=position_bias).logits(rows).numpy()[:, 0]
    ones = np.ones(ROWS)
    (a, b, _), *_ = np.linalg.lstsq(np.column_stack([rows.numbers.numpy(), ones]), logits, rcond=None)
    return float(a / b)


def test_either_remedy_for_position_bias_finds_what_people_like(ranked_world: tuple[Rows, np.ndarray]) -> None:
    rows, _ = ranked_world
    naive = _worth_of_a(rows, "none")
    assert naive > 0.65  # what is shown first seems to be liked
    assert _worth_of_a(rows, "feature") == pytest.approx(0.5, abs=0.1)
    assert _worth_of_a(rows, "ipw") == pytest.approx(0.5, abs=0.1)


def test_inverse_propensities_predict_what_follows_a_look(ranked_world: tuple[Rows, np.ndarray]) -> None:
    rows, truth = ranked_world
    chance = expit(_learned(rows, ["like"], learning_rate=0.01, position_bias="ipw").logits(rows).numpy()[:, 0])
    assert chance.mean() == pytest.approx(expit(truth).mean(), rel=0.05)
    assert rows.labels.numpy().mean() < 0.6 * chance.mean()  # most of what would be liked is not looked at


def test_heads_are_calibrated_after_training_on_a_share_of_the_negatives() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, 2))
    done = rng.random((ROWS, 2)) < expit(np.stack([x[:, 0] - 3, x[:, 1] - 1], 1))
    seconds = np.log1p(rng.gamma(2.0, 5.0, ROWS))[:, None]
    heads = ("like", "long_view", "watch_time")
    rows = _rows(x, np.hstack([done, seconds]))
    some = thinned(rows, heads, 0.2, seed=3)
    assert some.size < 0.6 * rows.size
    assert thinned(rows, heads, 1.0, seed=3) is rows
    for h in range(2):  # every positive is there, and a fair sample of the negatives of each head
        assert (some.labels * some.known)[:, h].sum() == rows.labels[:, h].sum()
        left = ((1 - some.labels) * some.known)[:, h].sum() / (1 - rows.labels[:, h]).sum()
        assert float(left) == pytest.approx(0.2, abs=0.01)
    learner = _learned(some, heads, negative_share=0.2)
    logits = learner.logits(rows).numpy()
    for h in range(2):
        assert calibration_ratio(done[:, h], expit(logits[:, h])) == pytest.approx(1, abs=0.06)
        assert expected_calibration_error(done[:, h], expit(logits[:, h])) < 0.025
        assert calibration_ratio(done[:, h], expit(logits[:, h] - np.log(0.2))) > 1.5
    assert logits[:, 2].mean() == pytest.approx(seconds.mean(), abs=0.05)


@pytest.mark.parametrize("loss", ["log_squares", "median", "weighted_logistic"])
def test_each_loss_of_watch_time_learns_its_own_centre(loss: WatchLoss) -> None:
    rng = np.random.default_rng(2)
    seconds = np.exp(rng.normal(2, 1, ROWS))
    rows = _rows(np.ones((ROWS, 1)), np.log1p(seconds)[:, None])
    found = float(np.expm1(_learned(rows, ["watch_time"], watch_loss=loss, epochs=3).logits(rows).numpy()[0, 0]))
    centre = {"log_squares": np.expm1(np.log1p(seconds).mean()), "median": np.median(seconds)}
    assert found == pytest.approx(centre.get(loss, seconds.mean()), rel=0.06)


def test_uncertainty_gives_a_noisy_head_less_weight() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(ROWS, 1))
    clear, noisy = expit(8 * x[:, 0]), np.full(ROWS, 0.5)
    labels = rng.random((ROWS, 2)) < np.stack([clear, noisy], 1)
    learner = _learned(_rows(x, labels), ["like", "share"], weighting="uncertainty")
    assert learner.losses.log_variance[0] < learner.losses.log_variance[1] - 0.3
    fixed = _learned(_rows(x[:600], labels[:600]), ["like", "share"])
    assert fixed.losses.log_variance.tolist() == [0, 0]
