"""How the two-tower model is measured on people whom it did not learn from."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kernels.columns import HOUR_MS
from tests.training.features.worlds import START, small_dataset
from training.features.log import Log
from training.features.sequences import held_out_users
from training.models.two_tower import AGES, DIM, UserTower
from training.release.held_out_people import LAST, measure_retrieval

POSTS, USERS, SHOWN = 300, 60, 16


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Everyone watches posts one after the other, from a post of their own on."""
    user, place = np.divmod(np.arange(USERS * SHOWN), SHOWN)
    shown = {
        "user_id": user,
        "post_id": (37 * user + place) % POSTS,
        "time_ms": START + place * HOUR_MS + user,
        "long_view": np.ones(len(user), np.bool_),
    }
    order = np.argsort(shown["time_ms"])
    return Log.load(
        small_dataset(
            tmp_path_factory.mktemp("people") / "data",
            posts=pa.table({"post_id": np.arange(POSTS), "author_id": np.arange(POSTS) % 7, "created_ms": [0] * POSTS}),
            users=pa.table({"user_id": np.arange(USERS)}),
            impressions=pa.table({name: column[order] for name, column in shown.items()}),
            follows=pa.table({"user_id": [0], "author_id": [1], "time_ms": [START], "kind": ["follow"]}),
        )
    )


def tower(folder: Path, steps: int) -> Path:
    """A model that expects the posts which lie the next `steps` after each of the history."""
    vectors = np.random.default_rng(0).normal(size=(POSTS, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = sum(np.roll(vectors, -step, axis=0) for step in range(1, steps + 1))
    actions, ages = np.ones(1024, np.float32), np.ones(AGES, np.float32)
    UserTower(np.asarray(expected), actions, ages, np.zeros(DIM, np.float32)).save(folder)
    np.save(folder / "post_vectors.npy", vectors)
    return folder


def test_who_knows_what_comes_next_is_ahead_of_popularity(log: Log, tmp_path: Path) -> None:
    people = held_out_users(USERS, 0.5, 1)
    told = measure_retrieval(log, tower(tmp_path, LAST), people)
    assert told["users"] == people.sum()
    assert set(told["recall"]) == {"two_tower", "popularity", "item_to_item", "ease"}
    assert told["recall"]["two_tower"] > 0.8
    assert told["ahead"]["popularity"].low > 0


def test_who_expects_other_posts_is_behind_what_counting_finds(log: Log, tmp_path: Path) -> None:
    backwards = tower(tmp_path, LAST)
    np.save(backwards / "post_vectors.npy", -np.load(backwards / "post_vectors.npy"))
    told = measure_retrieval(log, backwards, held_out_users(USERS, 0.5, 1))
    assert told["recall"]["two_tower"] < 0.1
    assert told["ahead"]["item_to_item"].high < 0


def test_nothing_is_told_where_nobody_was_held_out(log: Log, tmp_path: Path) -> None:
    assert measure_retrieval(log, tower(tmp_path, LAST), np.zeros(USERS, np.bool_)) == {}


def test_more_users_leave_those_before_as_they_were() -> None:
    np.testing.assert_array_equal(held_out_users(1000, 0.02, 7)[:400], held_out_users(400, 0.02, 7))
