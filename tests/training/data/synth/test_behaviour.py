"""The ground truth: declared probabilities and expectations against what is drawn from them."""

from pathlib import Path

import numpy as np
import pytest

from kernels.actions import ACTIONS
from training.data.synth.behaviour import (
    EXAMINATION_DECAY,
    FOLLOW,
    LOGITS,
    LONG_VIEW,
    Outlook,
    Situation,
    answer,
    examination,
    expected_watch_s,
    outlook,
)
from training.data.synth.parameters import START_MS
from training.data.synth.world import World

DRAWS = 40_000
DOCS = Path(__file__).parents[4] / "docs" / "data.md"


def situation(world: World, n: int, following: bool = False) -> Situation:
    rng = np.random.default_rng(0)
    return Situation(
        rng.integers(0, len(world.people.taste), n).astype(np.int32),
        rng.integers(0, len(world.posts.author), n).astype(np.int32),
        np.full(n, START_MS),
        np.full(n, following),
    )


def test_draws_follow_the_declared_probabilities_and_watch_time(world: World) -> None:
    look = outlook(world.people, world.posts, situation(world, 6), drift=0.0)
    for row in range(6):
        one = Outlook(*(np.repeat(column[row : row + 1], DRAWS, axis=0) for column in look))
        drawn = answer(one, np.zeros(DRAWS, np.int64), np.random.default_rng(row))
        assert drawn.examined.all()
        expected = look.probability[row]
        error = np.sqrt(expected * (1 - expected) / DRAWS)
        assert np.all(np.abs(drawn.actions.mean(axis=0) - expected) < 5 * error + 1e-9), ACTIONS
        watch_s = drawn.watch_ms / 1000
        assert watch_s.mean() == pytest.approx(expected_watch_s(look)[row], abs=5 * watch_s.std() / DRAWS**0.5 + 1e-3)


def test_examination_decays_and_what_is_not_examined_gets_nothing(world: World) -> None:
    at = situation(world, 50_000)
    look = outlook(world.people, world.posts, at, drift=0.0)
    for position in (0, 3, 20):
        drawn = answer(look, np.full(50_000, position), np.random.default_rng(position))
        assert drawn.examined.mean() == pytest.approx((1 + position) ** -EXAMINATION_DECAY, abs=0.012)
        assert not drawn.actions[~drawn.examined].any()
        assert not drawn.watch_ms[~drawn.examined].any()
    assert np.all(np.diff(examination(np.arange(40))) < 0)


def test_a_long_view_is_a_matter_of_watch_time(world: World) -> None:
    look = outlook(world.people, world.posts, situation(world, 20_000), drift=0.0)
    drawn = answer(look, np.zeros(20_000, np.int64), np.random.default_rng(1))
    assert np.array_equal(drawn.actions[:, LONG_VIEW], drawn.watch_ms >= np.round(look.long_view_s * 1000))
    assert drawn.actions[:, LONG_VIEW].any()
    assert np.all(drawn.watch_ms <= np.round(3_000 * look.seconds))


def test_who_follows_already_likes_it_better_and_cannot_follow_again(world: World) -> None:
    stranger = outlook(world.people, world.posts, situation(world, 100), drift=0.0)
    follower = outlook(world.people, world.posts, situation(world, 100, following=True), drift=0.0)
    like, hide = ACTIONS.index("like"), ACTIONS.index("hide")
    assert np.all(follower.probability[:, like] > stranger.probability[:, like])
    assert np.all(follower.probability[:, hide] < stranger.probability[:, hide])
    assert not follower.probability[:, FOLLOW].any()
    assert stranger.probability[:, FOLLOW].all()


def test_the_docs_show_the_coefficients() -> None:
    rows = [f"| {action} | {' | '.join(f'{value:g}' for value in logit)} |" for action, logit in LOGITS.items()]
    assert (
        "| action | bias | slope | generosity | charm |\n|---|---|---|---|---|\n" + "\n".join(rows) in DOCS.read_text()
    )
