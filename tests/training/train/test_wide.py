"""The wide part of the ranker, on a world whose weights are known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit

from kernels.features import INDEX, NAMES
from training.models.wide import CODES, wide_codes, wide_columns, wide_sizes
from training.train.wide import ALL, FOLDS, WidePart, WideRows, WideShape, WideTraining, fit_wide, fold_of

USERS, POSTS, ROWS = 50, 20, 12_000
HOW = WideTraining(user=0.5, post=0.5, codes=(0.5, 5.0, 5.0, 5.0), tolerance=1e-9)


def _x(rng: np.random.Generator, rows: int) -> np.ndarray:
    x = np.zeros((rows, len(NAMES)), np.float32)
    for name, most in (("surface", 3), ("hour_of_day", 24), ("post_topic", 4)):
        x[:, INDEX[name]] = rng.integers(0, most, rows)
    x[:, INDEX["post_duration_s"]] = rng.gamma(2, 20, rows)
    return x


@pytest.fixture(scope="module")
def world() -> tuple[WideRows, np.ndarray, np.ndarray, tuple[int, ...]]:
    """Rows, labels [N, 2] (of a chance, and an amount), the true logit [N], and the codes' sizes."""
    rng = np.random.default_rng(0)
    columns = wide_columns(_x(rng, ROWS))
    sizes = wide_sizes(columns)
    user, post = rng.integers(1, USERS + 1, ROWS), rng.integers(1, POSTS + 1, ROWS)
    logit = rng.normal(0, 1, USERS + 1)[user] + rng.normal(0, 1, POSTS + 1)[post] + columns[:, 0] - 1
    labels = np.stack([rng.random(ROWS) < expit(logit), logit + rng.normal(0, 0.3, ROWS)], 1).astype(np.float32)
    fold = fold_of(user, post)
    rows = WideRows(user, post, wide_codes(columns, sizes), np.zeros(ROWS, np.int64), fold)
    return rows, labels, logit, sizes


def _fit(
    rows: WideRows, labels: np.ndarray, sizes: tuple[int, ...], how: WideTraining = HOW, tell: Any = None
) -> WidePart:
    return fit_wide(rows, labels, np.ones_like(labels), (False, True), how, WideShape(USERS, POSTS, sizes), tell)


def _logits(wide: WidePart, rows: WideRows, fold: np.ndarray) -> np.ndarray:
    parts = (torch.from_numpy(part) for part in (fold, rows.user, rows.post, rows.codes))
    return wide(*parts).numpy()


def test_it_finds_what_is_true_of_users_posts_and_codes(
    world: tuple[WideRows, np.ndarray, np.ndarray, tuple[int, ...]],
) -> None:
    rows, labels, logit, sizes = world
    found = _logits(_fit(rows, labels, sizes), rows, np.full(ROWS, ALL))
    assert np.corrcoef(found[:, 0], logit)[0, 1] > 0.97
    assert np.abs(expit(found[:, 0]) - expit(logit)).mean() < 0.05
    assert np.abs(found[:, 1] - logit).mean() < 0.05


def test_a_wide_part_is_read_as_it_was_written(
    world: tuple[WideRows, np.ndarray, np.ndarray, tuple[int, ...]], tmp_path: Path
) -> None:
    rows, labels, _, sizes = world
    told: list[tuple[int, int]] = []
    wide = _fit(rows, labels, sizes, tell=lambda done, total: told.append((done, total)))
    wide.save(tmp_path)
    read = WidePart.load(tmp_path)
    np.testing.assert_array_equal(_logits(read, rows, rows.fold), _logits(wide, rows, rows.fold))
    assert read.sizes == sizes
    assert told == [(done, 2 * (FOLDS + 1)) for done in range(1, 2 * (FOLDS + 1) + 1)]


def test_the_fit_of_a_row_does_not_know_its_label(
    world: tuple[WideRows, np.ndarray, np.ndarray, tuple[int, ...]],
) -> None:
    rows, labels, _, sizes = world
    before = _logits(_fit(rows, labels, sizes), rows, rows.fold)
    some = rows.fold == 1
    other = labels.copy()
    other[some] = 1 - other[some]
    after = _logits(_fit(rows, other, sizes), rows, rows.fold)
    np.testing.assert_array_equal(after[some], before[some])
    assert np.abs(after - before).max() > 0.1
    served = [_logits(_fit(rows, one, sizes), rows, np.full(ROWS, ALL)) for one in (labels, other)]
    assert np.abs(served[0] - served[1]).max() > 0.1  # but what is served has learned from all


def test_a_position_that_is_liked_for_itself_says_nothing_of_its_posts(
    world: tuple[WideRows, np.ndarray, np.ndarray, tuple[int, ...]],
) -> None:
    rows, _, _, sizes = world
    rng = np.random.default_rng(1)
    position = np.where(rng.random(ROWS) < 0.9, rows.post, rng.integers(1, POSTS + 1, ROWS))
    labels = np.repeat((rng.random(ROWS) < expit(-0.2 * position))[:, None], 2, 1).astype(np.float32)
    weight = _fit(replace(rows, position=position), labels, sizes, replace(HOW, position=0.1)).post[ALL, 1:, 0]
    alone = _fit(rows, labels, sizes).post[ALL, 1:, 0]
    assert weight.std() < 0.4 * alone.std()


def test_codes_that_training_did_not_see_are_unknown() -> None:
    columns = wide_columns(_x(np.random.default_rng(2), 200))
    sizes = wide_sizes(columns)
    assert len(sizes) == len(CODES)
    codes = wide_codes(columns, sizes)
    assert codes.min() > 0
    assert codes.max() <= sum(sizes)
    assert all(not set(codes[:, k]) & set(codes[:, k + 1]) for k in range(len(CODES) - 1))
    odd = columns[:1] + np.array([9, 0, 9, 0], np.float32)
    assert wide_codes(odd, sizes)[0, :3].tolist() == [0, 0, 0]


def test_folds_split_the_rows_of_each_user_and_each_post() -> None:
    user, post = (part.ravel() for part in np.meshgrid(np.arange(1, 40), np.arange(1, 40)))
    fold = fold_of(user, post)
    assert {(u, f) for u, f in zip(user.tolist(), fold.tolist(), strict=True)} == {
        (u, f) for u in range(1, 40) for f in range(FOLDS)
    }
    assert {(p, f) for p, f in zip(post.tolist(), fold.tolist(), strict=True)} == {
        (p, f) for p in range(1, 40) for f in range(FOLDS)
    }


def test_penalties_are_one_for_each_code() -> None:
    with pytest.raises(ValueError, match="4 penalties, it has 1"):
        WideTraining(codes=(1.0,))
