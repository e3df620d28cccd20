"""The rows by which releases are judged."""

from pathlib import Path

import numpy as np
import pytest

from cluster.vocabulary import Vocabularies, Vocabulary
from kernels.columns import DAY_MS, HOUR_MS
from kernels.features import INDEX, NAMES
from tests.training.features.worlds import small_dataset, tables
from training.data.dataset import DataSet
from training.features.history import History, contexts_of, history_at
from training.features.log import Log
from training.release.comparison import recoded
from training.release.held_out import HeldOut, held_out_table, label_of, last_day, measure


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """Forty days, the last of them so busy that people see many posts: half of them in the morning, half later."""
    shown = tables(impressions=2000)["impressions"]
    time_ms = shown["time_ms"].to_numpy().copy()
    last = time_ms.max() // DAY_MS * DAY_MS - DAY_MS
    busy = np.arange(len(time_ms)) >= 1400
    later = shown["user_id"].to_numpy()[busy] % 2
    time_ms[busy] = last + later * 6 * HOUR_MS + np.arange(busy.sum()) * 1000
    shown = shown.set_column(shown.column_names.index("time_ms"), "time_ms", [time_ms])
    return small_dataset(tmp_path_factory.mktemp("held_out") / "data", impressions=shown.take(np.argsort(time_ms)))


def test_a_list_is_a_day_of_a_person_as_it_was_known_when_it_began(dataset: DataSet) -> None:
    log = Log.load(dataset)
    history = History(log)
    table = held_out_table(log, history)
    held = HeldOut.of(table)
    people, sizes = np.unique(held.user_id, return_counts=True)
    assert sizes.max() > 5
    assert np.count_nonzero(np.diff(held.user_id)) == len(people) - 1, "rows of a list follow each other"
    day_ms = log.day_start_ms(log.day(int(log.impressions.time_ms[-1])))
    time_ms = table["time_ms"].to_numpy()
    assert time_ms.min() >= day_ms
    for user in people:
        mine = held.user_id == user
        opened_ms = int(time_ms[mine].min())
        rows = np.flatnonzero(np.isin(log.impressions.time_ms, time_ms[mine]))
        rows = rows[log.users.ids[log.impressions.user[rows]] == user]
        contexts = contexts_of(log, np.repeat(rows[:1], len(rows)), log.impressions.user[rows])
        alone = history_at(log, opened_ms).features(contexts, log.impressions.post[rows])
        by_post = {tuple(x) for x in alone}
        assert {tuple(x) for x in held.x[mine]} <= by_post
    history.advance(dataset.manifest.end_ms)
    whole = history_at(log, dataset.manifest.end_ms)
    np.testing.assert_array_equal(history.posts.counts, whole.posts.counts)
    np.testing.assert_array_equal(history.users.history_post, whole.users.history_post)


def test_what_happens_in_a_list_is_not_in_its_features(dataset: DataSet, tmp_path: Path) -> None:
    """Somebody's labels of the morning turned round: features of their own list stay, of later people's not."""
    log, shown = Log.load(dataset), dataset.read("impressions")
    day_ms = log.day_start_ms(log.day(int(log.impressions.time_ms[-1])))
    user = int(log.users.ids[0])
    mine = (shown["user_id"].to_numpy() == user) & (shown["time_ms"].to_numpy() >= day_ms)
    turned = np.asarray(shown["long_view"]) ^ mine
    shown = shown.set_column(shown.column_names.index("long_view"), "long_view", [turned])
    other = Log.load(small_dataset(tmp_path / "data", impressions=shown))
    a, b = (HeldOut.of(held_out_table(each, History(each))) for each in (log, other))
    theirs = a.user_id == user
    assert (a.labels("long_view") != b.labels("long_view"))[theirs].all()
    np.testing.assert_array_equal(a.x[theirs], b.x[theirs])
    assert (a.x[a.user_id % 2 == 1] != b.x[a.user_id % 2 == 1]).any()


def test_what_the_manifest_tells_of_a_perfect_and_of_a_shy_ranker(dataset: DataSet) -> None:
    log = Log.load(dataset)
    held = HeldOut.of(held_out_table(log, History(log)))
    heads = ("like", "long_view", "watch_time")
    truth = np.stack([held.labels("like"), held.labels("long_view"), held.labels("like")], axis=1).astype(np.float32)
    told = measure(held, last_day(log), heads, truth)
    assert (told["label"], told["rows"]) == ("long_view", len(held.user_id))
    assert told["quality"]["model"]["gauc"] == 1.0
    assert told["quality"]["random"]["gauc"] == 0.5
    assert set(told["quality"]) == {"model", "random", "popularity"}
    assert set(told["calibration"]) == {"like", "long_view"}
    assert told["calibration"]["long_view"]["ratio"] == pytest.approx(1.0)
    shy = measure(held, last_day(log), heads, truth / 2)
    assert shy["calibration"]["like"]["ratio"] == pytest.approx(0.5)
    assert shy["calibration"]["like"]["rows"] < len(held.user_id), "only where it is known"


def test_the_label_is_one_that_there_is() -> None:
    assert label_of(("like", "long_view")) == "long_view"
    assert label_of(("hide", "watch_time", "like")) == "like"
    assert label_of(("watch_time",)) is None


def test_codes_of_one_release_become_those_of_another() -> None:
    none = Vocabulary()
    words = Vocabularies(none, Vocabulary(("cars", "food", "sea")), none, none, Vocabulary(("ios",)), none, none)
    others = Vocabularies(none, Vocabulary(("art", "food")), none, none, Vocabulary(("android", "ios")), none, none)
    x = np.zeros((4, len(NAMES)), np.float32)
    x[:, INDEX["post_topic"]] = [0, 1, 2, 3]
    x[:, INDEX["device"]] = [0, 1, 1, 0]
    x[:, INDEX["post_age_hours"]] = 7
    found = recoded(x, words, others)
    assert found[:, INDEX["post_topic"]].tolist() == [0, 0, 2, 0]
    assert found[:, INDEX["device"]].tolist() == [0, 2, 2, 0]
    assert (found[:, INDEX["post_age_hours"]] == 7).all()
    assert x[1, INDEX["post_topic"]] == 1, "what was given is as it was"
