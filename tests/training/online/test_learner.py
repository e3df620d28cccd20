"""The online learner follows what changes, within its bounds, and never makes things worse for long."""

import numpy as np
import pytest

from training.models.correction import (
    Correction,
    UnreadableCorrection,
    decode_correction,
    encode_correction,
    to_logits,
    to_probabilities,
)
from training.online.fitting import Bounds, fit, towards
from training.online.learner import OnlineLearner
from training.online.rows import Rows

HEADS = ("like", "share")
POSTS = np.arange(50, dtype=np.int64) * 7


def rows(seed: int, shift: float = 0.0, scale: float = 1.0, risen: float = 0.0, n: int = 4_000) -> Rows:
    """Rows of a world in which the true logit is scale * logit + shift, and more by `risen` for the first ten posts."""
    rng = np.random.default_rng(seed)
    post = rng.choice(POSTS, n)
    logits = rng.normal(-1.5, 1.0, (n, 2)).astype(np.float32)
    truth = scale * logits + shift + risen * (post < POSTS[10])[:, None]
    labels = (rng.random((n, 2)) < to_probabilities(truth)).astype(np.float32)
    return Rows(post, logits, labels)


def distance(correction: Correction, shift: float, risen: float = 0.0) -> float:
    """Mean distance from the true change of the logits."""
    probe = rows(99, n=2_000)
    truth = probe.logits + shift + risen * (probe.post_ids < POSTS[10])[:, None]
    return float(np.abs(correction.logits(probe.logits, probe.post_ids) - truth).mean())


def test_a_world_that_has_changed_is_followed() -> None:
    learner = OnlineLearner(HEADS)
    for seed in range(15):
        verdict = learner.learn(rows(seed, shift=-0.8, risen=0.7))
    assert distance(learner.live, -0.8, 0.7) < 0.25 < distance(Correction.identity(HEADS), -0.8, 0.7)
    assert all(verdict.live[head] < verdict.none[head] for head in HEADS)


def test_a_drift_is_followed_as_it_goes_on() -> None:
    learner = OnlineLearner(HEADS, memory=8_000)
    frozen, online = [], []
    for seed in range(30):
        verdict = learner.learn(rows(seed, shift=0.04 * seed))
        frozen.append(verdict.none["like"])
        online.append(verdict.live["like"])
    assert np.mean(online[10:]) < np.mean(frozen[10:]) - 0.02


def test_nothing_becomes_live_before_it_was_better_on_later_rows() -> None:
    learner = OnlineLearner(HEADS)
    verdict = learner.learn(rows(0, shift=1.0))
    assert verdict.promoted == ()
    assert not learner.live.changes
    assert learner.shadow.shift.all()
    assert learner.learn(rows(1, shift=1.0)).promoted == HEADS


def test_one_head_does_not_wait_for_another() -> None:
    learner = OnlineLearner(HEADS)
    for seed in range(6):
        told = rows(seed, shift=1.0)
        calm = rows(seed + 100)
        both = Rows(told.post_ids, told.logits, np.stack([told.labels[:, 0], calm.labels[:, 1]], 1))
        learner.learn(Rows(both.post_ids, np.stack([told.logits[:, 0], calm.logits[:, 1]], 1), both.labels))
    assert learner.live.shift[0] > 0.4
    assert abs(learner.live.shift[1]) < 0.2


def test_when_the_world_turns_back_the_live_correction_is_taken_back() -> None:
    learner = OnlineLearner(HEADS, memory=4_000)
    for seed in range(12):
        learner.learn(rows(seed, shift=1.2))
    assert learner.live.shift.min() > 0.8
    verdict = learner.learn(rows(50, shift=-1.2))
    assert verdict.returned == HEADS
    assert not learner.live.changes


def test_no_update_goes_further_than_its_step_and_none_beyond_the_bounds() -> None:
    bounds = Bounds()
    learner = OnlineLearner(HEADS, bounds=bounds)
    before = learner.live
    for seed in range(30):
        learner.learn(rows(seed, shift=5.0, scale=3.0))
        now = learner.live
        assert np.abs(now.shift - before.shift).max() <= bounds.shift_step + 1e-6
        assert np.abs(np.log(now.scale / before.scale)).max() <= bounds.scale_step + 1e-6
        assert np.abs(now.effects(POSTS) - before.effects(POSTS)).max() <= bounds.effect_step + 1e-6
        before = now
    assert np.abs(before.shift).max() <= bounds.shift
    assert np.abs(np.log(before.scale)).max() <= bounds.scale + 1e-6
    assert np.abs(before.effect).max() <= bounds.effect


def test_posts_that_few_have_seen_are_hardly_moved() -> None:
    calm, few = rows(0), 3
    once = Rows(
        np.r_[calm.post_ids, np.full(few, 1)],
        np.concatenate([calm.logits, np.full((few, 2), -1.5, np.float32)]),
        np.concatenate([calm.labels, np.ones((few, 2), np.float32)]),
    )
    often = once.then(Rows(np.full(300, 1), np.full((300, 2), -1.5, np.float32), np.ones((300, 2), np.float32)))
    rare, common = (fit(told, HEADS, Bounds()).effects(np.array([1]))[0] for told in (once, often))
    assert (rare > 0).all()
    assert (common > rare).all()


def test_no_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="no rows"):
        OnlineLearner(HEADS).learn(Rows.none(2))


def test_steps_lead_to_their_goal() -> None:
    now, goal = Correction.identity(HEADS), fit(rows(3, shift=0.5), HEADS, Bounds())
    for _ in range(20):
        now = towards(now, goal, Bounds())
    assert np.allclose(now.shift, goal.shift, atol=1e-4)
    assert np.allclose(now.effects(goal.post_ids), np.clip(goal.effect, -1, 1), atol=2e-3)


def test_logits_and_probabilities_are_each_others_inverse_and_finite() -> None:
    p = np.array([0.0, 1e-4, 0.5, 0.999, 1.0], np.float32)
    assert np.isfinite(to_logits(p)).all()
    assert np.allclose(to_probabilities(to_logits(p)), p, atol=2e-6)


def test_of_posts_it_does_not_know_a_correction_says_nothing() -> None:
    correction = Correction(
        HEADS, *np.ones((2, 2), np.float32), np.array([5, 9]), np.array([[1, 2], [3, 4]], np.float32)
    )
    assert correction.effects(np.array([9, 1, 5, 100])).tolist() == [[3, 4], [0, 0], [1, 2], [0, 0]]
    assert Correction.identity(HEADS).effects(np.array([1, 2])).tolist() == [[0, 0], [0, 0]]


def test_a_correction_travels_as_bytes_and_others_are_refused() -> None:
    sent = fit(rows(3, shift=0.5), HEADS, Bounds())
    heads, *arrays = decode_correction(encode_correction(sent))
    assert heads == HEADS
    assert all(np.array_equal(a, b) for a, b in zip(arrays, sent[1:], strict=True))
    assert np.allclose(
        sent.undone(sent.logits(rows(3).logits, rows(3).post_ids), rows(3).post_ids), rows(3).logits, atol=1e-4
    )
    for blob in (
        b"",
        b"\x90",
        encode_correction(sent)[:-9],
        encode_correction(sent._replace(shift=sent.shift * np.nan)),
    ):
        with pytest.raises(UnreadableCorrection):
            decode_correction(blob)
