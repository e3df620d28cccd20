"""The truth as consumers see it: known relevance, position bias, drift, live answers."""

import numpy as np
import pytest

from cluster.errors import CascadeError, InvalidField
from cluster.rules import HEADS
from kernels.actions import ACTIONS
from kernels.columns import DAY_MS
from training.data.dataset import DataSet
from training.data.synth.behaviour import examination
from training.data.synth.parameters import START_MS
from training.data.synth.population import FIRST_USER
from training.data.synth.posts import FIRST_POST
from training.data.synth.world import World


def test_heads_are_those_of_a_ranker_and_arguments_broadcast(world: World) -> None:
    one = world.probabilities(FIRST_USER, FIRST_POST + 5, START_MS)
    assert set(one) == set(HEADS)
    many = world.probabilities(FIRST_USER, FIRST_POST + np.arange(10), START_MS)
    assert all(many[head].shape == (10,) for head in HEADS)
    assert all(many[head][5] == one[head][0] for head in HEADS)


def test_a_position_scales_every_head_by_its_examination(world: World) -> None:
    posts = FIRST_POST + np.arange(10)
    relevance = world.probabilities(FIRST_USER, posts, START_MS)
    shown = world.probabilities(FIRST_USER, posts, START_MS, position=np.arange(10))
    for head in HEADS:
        assert np.allclose(shown[head], relevance[head] * examination(np.arange(10)))


def test_tastes_drift_from_day_to_day(world: World) -> None:
    posts = FIRST_POST + np.arange(200)
    first, noon, later = (
        world.probabilities(FIRST_USER, posts, START_MS + time)["long_view"] for time in (0, DAY_MS // 2, 20 * DAY_MS)
    )
    assert np.array_equal(first, noon)
    assert np.abs(later - first).max() > 0.05


def test_follows_of_the_log_count_from_their_time_on(data: DataSet, world: World) -> None:
    follows = data.read("follows", start_ms=START_MS).to_pylist()
    edge = next(row for row in follows if row["kind"] == "follow")
    post = FIRST_POST + int(np.flatnonzero(world.posts.author == edge["author_id"] - FIRST_USER)[0])
    before, after = (
        world.probabilities(edge["user_id"], post, edge["time_ms"] + delta)["follow"][0] for delta in (-1, 0)
    )
    assert before > 0
    assert after == 0


def test_live_answers_follow_the_declared_probabilities(world: World) -> None:
    posts = FIRST_POST + np.arange(30)
    rng = np.random.default_rng(0)
    answers = [world.act(FIRST_USER, posts, START_MS, rng) for _ in range(1_500)]
    expected = world.probabilities(FIRST_USER, posts, START_MS, position=np.arange(30))
    for head in ("long_view", "like", "click"):
        rate = np.mean([a.actions[:, ACTIONS.index(head)] for a in answers], axis=0)
        assert np.all(np.abs(rate - expected[head]) < 5 * np.sqrt(expected[head] / 1_500) + 1e-3)
    again = world.act(FIRST_USER, posts, START_MS, np.random.default_rng(0))
    assert all(np.array_equal(a, b) for a, b in zip(again, answers[0], strict=True))


def test_foreign_ids_are_named(world: World) -> None:
    with pytest.raises(InvalidField, match="user_id has value 5"):
        world.probabilities(5, FIRST_POST, START_MS)
    with pytest.raises(InvalidField, match=f"post_id has value {FIRST_POST + 900}"):
        world.act(FIRST_USER, [FIRST_POST, FIRST_POST + 900], START_MS, np.random.default_rng(0))


def test_a_data_set_without_truth_says_so(tmp_path: pytest.TempPathFactory) -> None:
    with pytest.raises(CascadeError, match="no synthetic truth"):
        World.load(tmp_path)  # type: ignore[arg-type]
