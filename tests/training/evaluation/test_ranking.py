import numpy as np
import pyarrow as pa
import pytest

from cluster.errors import CascadeError
from kernels.actions import BIT
from kernels.features import INDEX
from training.data.dataset import write_dataset
from training.evaluation.metrics import gauc
from training.evaluation.oracle import LOGGED, RELEVANCE
from training.evaluation.quality import measure
from training.evaluation.ranking import evaluate_ranking
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
    scores = {name: x[:, INDEX[name]] for name in ("user_followers", "user_account_age_days", "author_seen")}
    for column in scores.values():
        assert np.ptp(column) > 0
    rate = x[:, INDEX["user_long_view_rate_28d"]]
    scores |= {"chance": np.zeros(len(rows)), "rate": rate, "-rate": -rate}
    quality = measure(lists, labels, scores, lists).quality
    for metric in ("gauc", "ndcg@5", "ndcg@10", "precision@10", "recall@10"):
        assert quality["user_followers"][metric] == quality["chance"][metric]
    for name in ("rate", "-rate"):
        assert quality[name]["primary"].value == pytest.approx(quality["chance"]["primary"].value, abs=0.02)


def test_frozen_ranking_beats_chance_and_not_the_oracle(world, split, model):
    result = evaluate_ranking(world, split, "frozen", model)
    overall, quality = result.overall, result.overall.quality
    primary = {name: metrics["primary"].value for name, metrics in quality.items()}
    assert primary["random"] < primary["model"] < primary[RELEVANCE] < primary[LOGGED] < primary["oracle"]
    assert quality["random"]["gauc"].value == pytest.approx(0.5)
    assert quality["oracle"]["gauc"].value == 1
    for metrics in quality.values():
        assert list(metrics)[:3] == ["primary", "gauc", "ndcg@5"]
        assert metrics["primary"].value == pytest.approx((metrics["gauc"].value + metrics["ndcg@5"].value) / 2)
        for interval in metrics.values():
            assert interval.low <= interval.value <= interval.high
    assert overall.ahead["random"].value == pytest.approx(primary["model"] - primary["random"])
    assert overall.ahead["random"].low > 0 > overall.ahead["oracle"].high
    assert overall.lists == overall.users
    log = Log.load(world)
    rows = split.test_rows(log)
    np.testing.assert_array_equal(result.predictions["time_ms"].to_numpy(), log.impressions.time_ms[rows])
    assert result.predictions.column_names == ["user_id", "post_id", "time_ms", "score"]
    assert np.isfinite(result.predictions["score"].to_numpy()).all()


def test_no_head_promises_better_than_the_truth_and_the_truth_is_calibrated(world, split, model):
    result = evaluate_ranking(world, split, "frozen", model)
    learned, truth = result.heads["model"], result.heads[LOGGED]
    assert list(learned) == list(truth) == list(model.heads)
    for head, figures in truth.items():
        assert figures["rows"] == learned[head]["rows"] == result.overall.rows
        if head == "watch_time":
            assert figures["mean_s"] == learned[head]["mean_s"] > 0
        elif figures["positives"] > 100:
            assert figures["log_loss"] < learned[head]["log_loss"]
            assert figures["ece"] < 0.03
        if figures.get("positives", 1000) > 100:
            assert figures["calibration"] == pytest.approx(1, abs=0.2)


def test_segments_are_measured_by_themselves(world, split, model):
    result = evaluate_ranking(world, split, "frozen", model, by_segment=True)
    assert evaluate_ranking(world, split, "frozen", model).segments == {}
    log = Log.load(world)
    rows = split.test_rows(log)
    groups = (
        ("new users (under 10 impressions)", "other users", "active users (50 impressions or more)"),
        ("posts of the last day", "posts of the last week", "older posts"),
        tuple(f"kind {kind}" for kind in log.vocabularies.kind.values),
    )
    for group in groups:
        parts = [result.segments[name] for name in group if name in result.segments]
        assert len(parts) > 1
        assert sum(part.rows for part in parts) == result.overall.rows
    assert sum(result.segments[name].lists for name in groups[0]) == result.overall.lists
    video = log.posts.kind[log.impressions.post[rows]] == log.vocabularies.kind.values.index("video") + 1
    labels = log.impressions.actions[rows] & BIT["long_view"] != 0
    scores = result.predictions["score"].to_numpy()
    expected = gauc(log.impressions.user[rows][video], labels[video].astype(float), scores[video])
    assert result.segments["kind video"].quality["model"]["gauc"].value == pytest.approx(expected)


def test_daily_lists_are_users_and_days_with_frozen_beside_fresh(world, split, model):
    daily = evaluate_ranking(world, split, "daily", model).overall
    assert daily.lists > daily.users
    scorers = {"model", "model, frozen features", "popularity", "random", "oracle", LOGGED, RELEVANCE}
    assert scorers == set(daily.quality)
    assert daily.quality["model"] != daily.quality["model, frozen features"]


def test_daily_features_of_the_first_day_are_the_frozen_ones(world, split, model):
    first = Split(split.train_until, split.first, split.first)
    daily = evaluate_ranking(world, first, "daily", model).overall
    assert daily.quality["model"] == daily.quality["model, frozen features"]
    assert daily.ahead["model, frozen features"] == (0, 0, 0)


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
    assert result.overall.rows == ((dates > split.train_until) & ~hidden).sum() < honest.overall.rows
    assert result.overall.users < honest.overall.users
    assert LOGGED not in result.overall.quality  # somebody's own tables have no truth
    with pytest.raises(CascadeError, match="no test row says whether long_view followed"):
        evaluate_ranking(without(dates > split.train_until), split, "frozen", model)


def test_a_ranker_without_the_label_is_refused(world, split, model, monkeypatch):
    monkeypatch.setattr(model, "heads", ("like", "share"))
    with pytest.raises(CascadeError, match=r"no head for long_view, only \['like', 'share'\]"):
        evaluate_ranking(world, split, "frozen", model)
