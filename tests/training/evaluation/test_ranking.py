import numpy as np
import pyarrow as pa
import pytest

from cluster.errors import CascadeError
from kernels.features import INDEX
from training.data.dataset import write_dataset
from training.evaluation.ranking import Quality, evaluate_ranking
from training.evaluation.split import Split
from training.features.examples import features_of
from training.features.log import Log
from training.models.ranker import RankerModel

# Ray warns of its own defaults.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")


@pytest.fixture(scope="module")
def model(trained, world) -> RankerModel:
    [work] = (trained / "work").iterdir()
    return RankerModel.load(work / "ranker")


def test_frozen_features_are_no_back_door_to_the_labels(world, split):
    """With a running rate of the user's own, a negative weight would mark what came before a positive."""
    log = Log.load(world)
    rows = split.test_rows(log)
    x = features_of(log, rows, split.snapshot_ms(log), Log.load(world, split.train_until))
    lists, labels = log.impressions.user[rows], (log.impressions.actions[rows] & 32 != 0).astype(float)
    chance = Quality.of(lists, labels, np.zeros(len(rows)))
    for name in ("user_followers", "user_account_age_days", "author_seen"):
        assert np.ptp(x[:, INDEX[name]]) > 0
    constant = Quality.of(lists, labels, x[:, INDEX["user_followers"]])
    assert constant == chance
    for sign in (1, -1):
        rate = Quality.of(lists, labels, sign * x[:, INDEX["user_long_view_rate_28d"]])
        assert rate.primary == pytest.approx(chance.primary, abs=0.02)


def test_frozen_ranking_beats_chance_and_not_the_oracle(world, split, model):
    result = evaluate_ranking(world, split, "frozen", model)
    quality = {name: value.primary for name, value in result.quality.items()}
    assert quality["random"] < quality["model"] < quality["oracle"]
    assert result.quality["random"].gauc == pytest.approx(0.5)
    assert result.quality["oracle"].gauc == 1
    assert result.lists == result.users
    log = Log.load(world)
    rows = split.test_rows(log)
    np.testing.assert_array_equal(result.predictions["time_ms"].to_numpy(), log.impressions.time_ms[rows])
    assert result.predictions.column_names == ["user_id", "post_id", "time_ms", "score"]
    assert np.isfinite(result.predictions["score"].to_numpy()).all()


def test_daily_lists_are_users_and_days_with_frozen_beside_fresh(world, split, model):
    result = evaluate_ranking(world, split, "daily", model)
    assert result.lists > result.users
    assert {"model", "model, frozen features", "popularity", "random", "oracle"} == set(result.quality)
    assert result.quality["model"] != result.quality["model, frozen features"]


def test_daily_features_of_the_first_day_are_the_frozen_ones(world, split, model):
    first = Split(split.train_until, split.first, split.first)
    result = evaluate_ranking(world, first, "daily", model)
    assert result.quality["model"] == result.quality["model, frozen features"]


def test_rows_without_a_label_are_scored_and_not_measured(world, split, model, tmp_path):
    honest = evaluate_ranking(world, split, "frozen", model)
    tables = {name: world.read(name) for name in world.manifest.rows}
    impressions = tables["impressions"]
    dates = world.dates(impressions)
    hidden = (dates == split.last) | (np.arange(len(dates)) % 2 == 1) & (dates > split.train_until)

    def without(hidden):
        label = pa.array(impressions["long_view"].to_numpy(), mask=hidden)
        at = impressions.column_names.index("long_view")
        changed = {**tables, "impressions": impressions.set_column(at, "long_view", label)}
        return write_dataset(tmp_path / str(hidden.sum()), "hidden", changed, world.manifest.utc_offset_minutes, {})

    result = evaluate_ranking(without(hidden), split, "frozen", model)
    assert result.predictions.equals(honest.predictions)
    assert result.rows == ((dates > split.train_until) & ~hidden).sum() < honest.rows
    assert result.users < honest.users
    with pytest.raises(CascadeError, match="no test row says whether long_view followed"):
        evaluate_ranking(without(dates > split.train_until), split, "frozen", model)


def test_a_ranker_without_the_label_is_refused(world, split, model, monkeypatch):
    monkeypatch.setattr(model, "heads", ("like", "share"))
    with pytest.raises(CascadeError, match=r"no head for long_view, only \['like', 'share'\]"):
        evaluate_ranking(world, split, "frozen", model)
