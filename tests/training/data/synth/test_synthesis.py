"""A whole world: reproducible, valid, faithful to its truth, and obedient to its graph."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from kernels.actions import ACTIONS
from kernels.columns import DAY_MS
from training.data.dataset import DataSet
from training.data.importer import import_folder
from training.data.schema import KINDS, RELATIONS
from training.data.synth.behaviour import examination
from training.data.synth.parameters import START_MS, Parameters
from training.data.synth.synthesis import synthesise
from training.data.synth.world import World

TINY = Parameters(users=60, posts=120, days=2, seed=9)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def numpy(rows: pa.Table) -> dict[str, np.ndarray]:
    return {name: rows[name].to_numpy() for name in rows.column_names}


@pytest.fixture(scope="module")
def log(data: DataSet) -> dict[str, np.ndarray]:
    return numpy(data.read("impressions"))


def auc(label: np.ndarray, score: np.ndarray) -> float:
    rank = np.empty(len(score))
    rank[np.argsort(score, kind="stable")] = np.arange(1, len(score) + 1)
    positives = label.sum()
    return float((rank[label].sum() - positives * (positives + 1) / 2) / (positives * (~label).sum()))


def test_the_same_parameters_give_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        synthesise(TINY, tmp_path / name, "tiny")
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert {"impressions.parquet", "follows.parquet", "truth/people.npz", "dataset.json"} <= set(first)
    assert first == second


def test_another_seed_gives_another_world(tmp_path: Path) -> None:
    one = synthesise(TINY, tmp_path / "a")
    other = synthesise(replace(TINY, seed=10), tmp_path / "b")
    assert one.manifest.fingerprint != other.manifest.fingerprint


def test_its_tables_pass_import_validation_unchanged(data: DataSet, tmp_path: Path) -> None:
    imported = import_folder(data.folder, tmp_path / "copy")
    assert imported.manifest.rows == data.manifest.rows
    for table in data.manifest.rows:
        assert imported.read(table).equals(data.read(table))


def test_every_column_of_the_schema_has_values(data: DataSet) -> None:
    lacking = {name for name, share in data.manifest.coverage.items() if share < 1}
    assert lacking == {"posts.duration_ms", "impressions.date"}


def test_action_rates_match_the_truth(log: dict[str, np.ndarray], world: World) -> None:
    expected = world.probabilities(log["user_id"], log["post_id"], log["time_ms"], log["position"])
    n = len(log["user_id"])
    assert n > 20_000
    for action in ACTIONS:
        p = expected[action]
        deviation = abs(log[action].sum() - p.sum()) / np.sqrt(np.sum(p * (1 - p)))
        assert deviation < 4.5, action
    watch_s = log["watch_ms"] / 1000
    residual = watch_s - expected["watch_time"]
    assert abs(residual.mean()) < 4.5 * residual.std() / n**0.5


def test_rates_match_the_truth_in_every_decile_of_it(log: dict[str, np.ndarray], world: World) -> None:
    p = world.probabilities(log["user_id"], log["post_id"], log["time_ms"], log["position"])["long_view"]
    for decile in np.array_split(np.argsort(p, kind="stable"), 10):
        error = np.sqrt(np.sum(p[decile] * (1 - p[decile]))) / len(decile)
        assert abs(log["long_view"][decile].mean() - p[decile].mean()) < 4.5 * error


def test_attention_decays_with_position(log: dict[str, np.ndarray]) -> None:
    looked = [np.mean(log["watch_ms"][log["position"] == k] > 0) for k in range(12)]
    assert np.allclose(looked, examination(np.arange(12)), atol=0.04)


def test_the_oracle_orders_far_better_than_chance(log: dict[str, np.ndarray], world: World) -> None:
    relevance = world.probabilities(log["user_id"], log["post_id"], log["time_ms"])["long_view"]
    examined = log["watch_ms"] > 0
    assert auc(log["long_view"][examined], relevance[examined]) > 0.8
    assert auc(log["long_view"], relevance) > 0.75
    assert abs(auc(log["long_view"], np.random.default_rng(0).random(len(relevance))) - 0.5) < 0.02


def test_the_policy_is_better_than_random_and_far_from_perfect(log: dict[str, np.ndarray], world: World) -> None:
    rng = np.random.default_rng(0)
    rows = rng.choice(len(log["user_id"]), 5_000)
    user, time = log["user_id"][rows], log["time_ms"][rows]
    shown = world.probabilities(user, log["post_id"][rows], time)["long_view"].mean()
    random = world.probabilities(user, rng.choice(log["post_id"], 5_000), time)["long_view"].mean()
    best = np.mean(
        [
            np.sort(world.probabilities(u, np.unique(log["post_id"]), t)["long_view"])[-10:].mean()
            for u, t in zip(user[:50], time[:50], strict=True)
        ]
    )
    assert random + 0.05 < shown < best - 0.15


@pytest.mark.parametrize("kind", ["block", "mute"])
def test_no_hidden_author_is_shown(data: DataSet, log: dict[str, np.ndarray], kind: str) -> None:
    posts = numpy(data.read("posts", ["post_id", "author_id"]))
    author = posts["author_id"][np.searchsorted(posts["post_id"], log["post_id"])]
    follows = data.read("follows")
    hidden = numpy(follows.filter(pc.equal(follows["kind"], kind)))
    since = dict(
        zip(
            zip(hidden["user_id"].tolist(), hidden["author_id"].tolist(), strict=True),
            hidden["time_ms"].tolist(),
            strict=True,
        )
    )
    pairs = zip(log["user_id"].tolist(), author.tolist(), log["time_ms"].tolist(), strict=True)
    earlier = 0
    for user, creator, time in pairs:
        assert time < since.get((user, creator), time + 1)
        earlier += (user, creator) in since
    assert earlier > 0, "somebody hides an author after a post of theirs"


def test_a_logged_follow_enters_the_graph_at_once(data: DataSet, log: dict[str, np.ndarray]) -> None:
    posts = numpy(data.read("posts", ["post_id", "author_id"]))
    author = posts["author_id"][np.searchsorted(posts["post_id"], log["post_id"])]
    follows = data.read("follows", start_ms=START_MS)
    table = {
        (row["user_id"], row["author_id"]): row["time_ms"] for row in follows.to_pylist() if row["kind"] == "follow"
    }
    rows = np.flatnonzero(log["follow"])
    assert len(rows) > 50
    for row in rows:
        since = table[int(log["user_id"][row]), int(author[row])]
        assert since == log["time_ms"][row] + max(log["watch_ms"][row], 1)


def test_nobody_sees_a_post_twice_or_before_it_exists_or_their_own(data: DataSet, log: dict[str, np.ndarray]) -> None:
    posts = numpy(data.read("posts", ["post_id", "author_id", "created_ms"]))
    at = np.searchsorted(posts["post_id"], log["post_id"])
    assert np.all(posts["created_ms"][at] <= log["time_ms"])
    assert not np.any(posts["author_id"][at] == log["user_id"])
    pairs = np.stack([log["user_id"], log["post_id"]])
    assert np.unique(pairs, axis=1).shape[1] == pairs.shape[1]
    users = numpy(data.read("users", ["user_id", "created_ms"]))
    assert np.all(users["created_ms"][np.searchsorted(users["user_id"], log["user_id"])] <= log["time_ms"])


def test_ads_keep_to_their_slots(data: DataSet, log: dict[str, np.ndarray]) -> None:
    ads = data.read("ads")["post_id"].to_numpy()
    posts = data.read("posts", ["post_id", "kind"])
    assert ads.tolist() == posts.filter(pc.equal(posts["kind"], "ad"))["post_id"].to_pylist()
    is_ad = np.isin(log["post_id"], ads)
    assert set(log["position"][is_ad].tolist()) <= {4, 14, 24}
    assert is_ad.mean() > 0.03


def test_people_come_more_in_the_evening_than_at_night(log: dict[str, np.ndarray]) -> None:
    hours = np.bincount((log["time_ms"] // 3_600_000) % 24, minlength=24)
    assert hours[19:22].mean() > 5 * hours[3:5].mean()
    assert log["time_ms"].min() >= START_MS
    assert log["time_ms"].max() < START_MS + 8 * DAY_MS


def test_all_kinds_and_relations_occur(data: DataSet) -> None:
    assert set(data.read("posts")["kind"].to_pylist()) == set(KINDS)
    assert set(data.read("follows")["kind"].to_pylist()) == set(RELATIONS)


def test_embeddings_tell_of_the_content_but_not_all(data: DataSet, world: World) -> None:
    shown = np.array(data.read("posts")["embedding"].to_pylist())
    assert np.allclose(np.linalg.norm(shown, axis=1), 1, atol=1e-5)
    truth = world.posts.content @ world.posts.content.T
    off = ~np.eye(len(truth), dtype=bool)
    assert 0.7 < np.corrcoef((shown @ shown.T)[off], truth[off])[0, 1] < 0.98
