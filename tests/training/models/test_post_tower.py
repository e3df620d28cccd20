"""The content path in NumPy against the network that was trained."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kernels.columns import CONTENT_DIM
from training.models.post_tower import PostTower, post_codes, post_numbers, unit
from training.models.two_tower import DIM
from training.models.two_tower_network import PostInputs, TwoTower

POSTS = 40


@pytest.fixture(scope="module")
def posts() -> SimpleNamespace:
    rng = np.random.default_rng(0)
    return SimpleNamespace(
        content=rng.normal(size=(POSTS, CONTENT_DIM)).astype(np.float32),
        **{
            name: rng.exponential(20, POSTS).astype(np.float32)
            for name in ("duration_s", "caption_length", "hashtags", "has_location")
        },
        kind=rng.integers(0, 6, POSTS).astype(np.int16),
        topic=rng.integers(0, 5, POSTS).astype(np.int16),
        author=np.arange(POSTS, dtype=np.int32) // 2,
    )


@pytest.fixture(scope="module")
def network(posts) -> TwoTower:
    torch.manual_seed(0)
    return TwoTower(PostInputs.of(posts), 0.1)


@pytest.fixture
def tower(network, tmp_path) -> PostTower:
    network.export(tmp_path, np.ones(POSTS, np.float32))
    return PostTower.load(tmp_path)


def test_it_computes_what_training_computes_without_ids(network, tower, posts):
    with torch.no_grad():
        expected = network.posts(torch.arange(POSTS), torch.zeros(POSTS, 1)).numpy()
    encoded = tower.encode(post_numbers(posts), post_codes(posts))
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, expected, atol=2e-6)


def test_an_unknown_topic_or_author_adds_nothing(tower, posts):
    numbers, codes = post_numbers(posts)[:1], post_codes(posts)[:1]
    for column in (1, 2):
        table = tower.tables[column]
        known = tower.encode(numbers, codes) - table[codes[0, column]]
        for unknown in (-1, len(table), 1_000_000):
            changed = codes.copy()
            changed[0, column] = unknown
            np.testing.assert_allclose(tower.encode(numbers, changed), known, atol=1e-6)


def test_a_code_that_was_never_trained_adds_nothing(network, posts, tmp_path):
    trained = np.ones(POSTS, np.float32)
    trained[posts.author == 3] = 0
    network.export(tmp_path, trained)
    tower = PostTower.load(tmp_path)
    assert not tower.tables[2][3].any()
    assert tower.tables[2][4].any()
    exported, alone = np.load(tmp_path / "post_vectors.npy"), tower.encode(post_numbers(posts), post_codes(posts))
    np.testing.assert_allclose(exported[trained == 0], unit(alone[trained == 0]), atol=1e-6)
    assert not np.allclose(exported[trained == 1], unit(alone[trained == 1]), atol=1e-2)


def test_unit_vectors_have_length_one_and_zeros_stay():
    vectors = unit(np.stack([np.arange(DIM), np.zeros(DIM)]).astype(np.float32))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0], atol=1e-6)
