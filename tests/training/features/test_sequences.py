import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kernels.columns import HISTORY
from tests.training.features.worlds import small_dataset
from training.features import sequences
from training.features.log import Log
from training.features.sequences import build_sequences, sequences_table


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return Log.load(small_dataset(tmp_path_factory.mktemp("sequences") / "data"))


def test_every_impression_is_in_one_stretch_and_led_by_those_before_it(log):
    seen = log.impressions
    told = {user: [] for user in range(len(log.users.ids))}
    for row in sequences_table(log).to_pylist():
        mine = np.flatnonzero(seen.user == row["user_row"])
        done = len(told[row["user_row"]])
        assert row["lead"] == min(done, HISTORY)
        stretch = mine[done - row["lead"] : done + HISTORY]
        assert row["post_row"] == seen.post[stretch].tolist()
        assert row["actions"] == seen.actions[stretch].tolist()
        assert row["time_ms"] == seen.time_ms[stretch].tolist()
        told[row["user_row"]] += row["post_row"][row["lead"] :]
    for user, posts in told.items():
        assert posts == seen.post[seen.user == user].tolist()


def test_files_hold_the_table_in_order(log, tmp_path, monkeypatch):
    monkeypatch.setattr(sequences, "FILE_ROWS", 5)
    files = build_sequences(log, tmp_path / "parts")
    assert files == sorted((tmp_path / "parts").iterdir())
    assert len(files) > 1
    assert pa.concat_tables([pq.read_table(file) for file in files]) == sequences_table(log)


def test_people_who_saw_nothing_have_no_sequence(tmp_path):
    log = Log.load(small_dataset(tmp_path / "data"), until=20231114)
    assert 0 < len(log.impressions) < 100
    assert sequences_table(log)["user_row"].to_pylist() == np.unique(log.impressions.user).tolist()
