import numpy as np
import pyarrow.parquet as pq
import pytest

from kernels.actions import BIT
from kernels.features import FEATURES, INDEX, coverage
from tests.training.features.worlds import START, small_dataset, tables
from training.features.examples import (
    ExampleDays,
    build_examples,
    day_name,
    day_number,
    examples_table,
    features_of,
)
from training.features.history import History
from training.features.log import Log


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return Log.load(small_dataset(tmp_path_factory.mktemp("examples") / "data"))


def test_every_impression_becomes_an_example_of_its_local_day(log, tmp_path):
    first, last = log.day(int(log.impressions.time_ms[0])), log.day(int(log.impressions.time_ms[-1]))
    done = []
    build_examples(log, tmp_path / "x", range(first, last + 1), "day", lambda i, n: done.append((i, n)))
    examples = pq.read_table(tmp_path / "x")
    assert examples.num_rows == len(log.impressions)
    assert done[-1] == (last + 1 - first, last + 1 - first)
    day = pq.read_table(tmp_path / "x" / f"{day_name(first + 3)}.parquet")
    assert set(day["day"].to_pylist()) == {first + 3}
    rows = np.flatnonzero([log.day(int(t)) == first + 3 for t in log.impressions.time_ms])
    expected = features_of(log, rows, log.day_start_ms(first + 3))
    np.testing.assert_array_equal(np.stack(day["x"].to_numpy()), expected)


def test_live_examples_know_what_happened_on_their_day(log, tmp_path):
    days = range(log.day(START) + 10, log.day(START) + 13)
    build_examples(log, tmp_path / "live", days, "live")
    build_examples(log, tmp_path / "day", days, "day")
    live, frozen = (np.stack(pq.read_table(tmp_path / name)["x"].to_numpy()) for name in ("live", "day"))
    since = INDEX["user_hours_since_last"]
    assert live.shape == frozen.shape
    assert (live[:, since] <= frozen[:, since]).all()
    assert (live[:, since] < frozen[:, since]).any()
    expected = History(log).live_features(log.rows_between(log.day_start_ms(days[0]), log.day_start_ms(days[-1] + 1)))
    np.testing.assert_array_equal(live, expected)


def test_no_feature_sees_its_own_day(log, tmp_path):
    """Changing every label from a day on changes nothing in that day's features."""
    day = log.day(START) + 20
    start = log.day_start_ms(day)
    impressions = tables()["impressions"]
    later = np.asarray(impressions["time_ms"]) >= start
    for name in ("long_view", "hide"):
        flipped = np.asarray(impressions[name]) ^ later
        impressions = impressions.set_column(impressions.column_names.index(name), name, [flipped])
    other = Log.load(small_dataset(tmp_path / "data", impressions=impressions))
    rows = np.arange(log.rows_between(start, start + 86_400_000).start, len(log.impressions))
    assert (log.impressions.actions[rows] != other.impressions.actions[rows]).all()
    np.testing.assert_array_equal(features_of(log, rows, start), features_of(other, rows, start))


def test_a_log_that_ends_early_gives_rows_of_later_days_their_features(log, tmp_path):
    until = int(day_name(log.day(START) + 19))
    dataset = small_dataset(tmp_path / "data")
    early, start = Log.load(dataset, until), log.day_start_ms(log.day(START) + 20)
    assert early.impressions.date.max() == until
    assert len(early.impressions) == log.rows_between(0, start).stop
    rows = np.arange(len(early.impressions), len(log.impressions))
    np.testing.assert_array_equal(features_of(log, rows, start, early), features_of(log, rows, start))


def test_a_column_that_is_missing_gives_the_default_and_no_coverage(tmp_path):
    everything = tables()
    dataset = small_dataset(
        tmp_path / "data",
        posts=everything["posts"].select(["post_id", "author_id", "created_ms"]),
        impressions=everything["impressions"].select(["user_id", "post_id", "time_ms", "long_view"]),
        follows=everything["follows"].slice(0, 0),
    )
    log = Log.load(dataset)
    x = features_of(log, np.arange(1000, 1200), int(log.impressions.time_ms[-1]) + 1)
    shares = coverage(dataset.manifest.coverage)
    absent = [feature for feature in FEATURES if shares[feature.name] == 0]
    assert {"post_kind", "post_topic", "device", "follows_author", "content_affinity"} <= {f.name for f in absent}
    for feature in absent:
        assert (x[:, INDEX[feature.name]] == np.float32(feature.default)).all(), feature.name
    assert shares["post_long_view_rate_28d"] == 1
    assert np.ptp(x[:, INDEX["post_long_view_rate_28d"]]) > 0


def test_unknown_labels_are_told_from_absent_actions(log):
    like = log.impressions.known & BIT["like"] != 0
    assert 0.7 < like.mean() < 0.9
    assert not (log.impressions.actions[~like] & BIT["like"]).any()
    assert (log.impressions.known & BIT["save"] == 0).all()


def test_watch_time_stays_unknown_where_it_is(log):
    table = examples_table(log, np.arange(50), np.zeros((50, len(FEATURES)), np.float32))
    known = ~np.isnan(log.impressions.watch_s[:50])
    assert 0 < known.sum() < 50
    np.testing.assert_array_equal(np.isnan(table["watch_s"].to_numpy()), ~known)


def test_examples_are_of_the_last_days_but_not_of_the_first(log):
    first, last = (log.day(int(log.impressions.time_ms[i])) for i in (0, -1))
    assert last - first == 39
    assert ExampleDays().of(log) == range(last - 29, last + 1)
    assert ExampleDays(warm_up_days=12).of(log) == range(first + 12, last + 1)
    assert len(ExampleDays(warm_up_days=40).of(log)) == 0


def test_days_have_names():
    assert day_name(day_number("20220429")) == "20220429"
    with pytest.raises(ValueError, match="out of range"):
        day_number("20220431")
