"""Lessons on a small log, by a ranker whose weights are drawn."""

import numpy as np
import pytest
import torch

from kernels.actions import POSITIVE
from kernels.features import NAMES
from tests.training.features.worlds import small_dataset
from tests.training.models.tiny import SIZES, drawn_wide, features
from training.features.examples import features_of
from training.features.log import Log
from training.models.inputs import Inputs
from training.models.ranker import RankerConfig, RankerModel, save_ranker
from training.models.ranker_network import RankerNetwork, Shape
from training.train.steps import Metrics, Step
from training.train.teacher import FILE, Lessons, Teaching, build_lessons

HEADS = ("like", "long_view", "hide", "watch_time")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log.load(small_dataset(tmp_path_factory.mktemp("teacher") / "data"))


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory, log: Log) -> RankerModel:
    folder, inputs = tmp_path_factory.mktemp("ranker"), Inputs.fit([features(np.random.default_rng(0), 200)])
    torch.manual_seed(0)
    shape = Shape(len(log.users.ids), len(log.posts.ids), len(inputs.numbers), sum(inputs.sizes), len(HEADS))
    weights = {name: weight.numpy() for name, weight in RankerNetwork(shape).state_dict().items()}
    wide = drawn_wide(np.random.default_rng(1), shape.users, shape.posts, shape.heads)
    save_ranker(folder, RankerConfig(HEADS, NAMES, inputs, (1.0,) * 4, (0.0,) * 4, SIZES), weights | wide.served)
    return RankerModel.load(folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, log: Log, ranker: RankerModel) -> tuple[Lessons, Metrics]:
    step, told = Step("teacher", tmp_path_factory.mktemp("lessons"), Teaching(days=5, posts=6), {}), []
    metrics = build_lessons(step, log, ranker, lambda *done: told.append(done))
    assert told == [(day + 1, 5) for day in range(5)]
    return Lessons.load(step.folder / FILE), metrics


def test_there_is_a_lesson_for_each_day_on_which_a_user_came(log: Log, built: tuple[Lessons, Metrics]) -> None:
    lessons, _ = built
    seen, last = log.impressions, log.day(int(log.impressions.time_ms[-1]))
    days = (seen.time_ms + log.utc_offset_ms) // 86_400_000
    first: dict[tuple[int, int], int] = {}
    for row in np.flatnonzero(days > last - 5):
        first.setdefault((int(seen.user[row]), int(days[row])), int(seen.time_ms[row]))
    told = sorted(zip(lessons.user.tolist(), lessons.time_ms.tolist(), strict=True))
    assert told == sorted((user, time_ms) for (user, _), time_ms in first.items())


def test_half_of_the_posts_are_what_was_shown_that_day(log: Log, built: tuple[Lessons, Metrics]) -> None:
    lessons, seen = built[0], log.impressions
    days = (seen.time_ms + log.utc_offset_ms) // 86_400_000
    for user, time_ms, posts in zip(lessons.user, lessons.time_ms, lessons.post, strict=True):
        shown = seen.post[(seen.user == user) & (days == log.day(int(time_ms)))]
        assert np.isin(posts[:3], shown).all()
    assert len(np.unique(lessons.post[:, 3:])) == len(log.posts.ids)


def test_the_ranker_knows_what_happened_before_the_day(
    log: Log, ranker: RankerModel, built: tuple[Lessons, Metrics]
) -> None:
    lessons, seen, compared = built[0], log.impressions, 0
    for user, time_ms, posts, logits in zip(*(column[::4] for column in lessons[:4]), strict=True):
        row = np.flatnonzero((seen.user == user) & (seen.time_ms == time_ms))[:1]
        x = features_of(log, row, log.day_start_ms(log.day(int(time_ms))))
        like, long_view = ranker.predict(int(user), seen.post[row].astype(np.int64), x)[0, :2]
        chance = 1 - (1 - float(like)) * (1 - float(long_view))
        same = posts[:3] == seen.post[row]
        compared += int(same.sum())
        np.testing.assert_allclose(logits[:3][same], np.log(chance / (1 - chance)), atol=2e-3)
    assert compared > 5


def test_hard_is_what_the_ranker_thought_well_of_in_vain(log: Log, built: tuple[Lessons, Metrics]) -> None:
    (lessons, metrics), seen = built, log.impressions
    assert metrics["hard"] == lessons.hard.sum() > 0
    assert not lessons.hard[:, 3:].any()
    assert lessons.logit[lessons.hard].min() > np.median(lessons.logit)
    for r, k in np.argwhere(lessons.hard):
        mine = (seen.user == lessons.user[r]) & (seen.post == lessons.post[r, k]) & (seen.actions & POSITIVE == 0)
        assert mine.any()
