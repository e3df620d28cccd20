import numpy as np
import pyarrow as pa
import pytest
import torch

from kernels.columns import DAY_MS, HOUR_MS
from training.data.dataset import write_dataset
from training.evaluation.retrieval import HeldOut, evaluate_retrieval, recalls
from training.evaluation.retrievers import Histories, blended, linear, nearest
from training.evaluation.split import Split
from training.features.log import Log
from training.models.session import SessionShape
from training.models.session_network import SessionNetwork
from training.models.two_tower import AGES, DIM, UserTower
from training.train.sasrec import Sasrec

START = 1_650_412_800_000  # 20 April 2022, 00:00 UTC
POSTS, DURATION_MS = 8, 10_000
SPLIT = Split(20220422, 20220423, 20220424)

#: user, post, day, long view, like, milliseconds watched
ROWS = [
    (1, 0, 0, True, False, 0),
    (1, 1, 1, False, False, 0),
    (2, 1, 2, True, False, 0),
    (3, 0, 2, False, False, DURATION_MS),
    # test days
    (1, 2, 3, True, False, 0),
    (1, 3, 3, False, True, 0),
    (1, 4, 4, False, False, DURATION_MS - 1),
    (1, 0, 4, True, False, 0),  # shown before: does not count
    (2, 5, 3, False, False, DURATION_MS),  # watched to its end
    (3, 7, 3, False, False, DURATION_MS),  # a post whose length is not known
    (4, 6, 4, True, False, None),  # nothing is known of this user
    (2, 6, 5, True, False, 0),  # a day later than the test
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    user, post, day, long_view, like, watch = zip(*ROWS, strict=True)
    tables = {
        "posts": pa.table(
            {
                "post_id": range(POSTS),
                "author_id": [0] * POSTS,
                "created_ms": [START] * POSTS,
                "duration_ms": pa.array([DURATION_MS] * 7 + [None], pa.int64()),
            }
        ),
        "users": pa.table({"user_id": [1, 2, 3, 4]}),
        "impressions": pa.table(
            {
                "user_id": user,
                "post_id": post,
                "time_ms": [START + d * DAY_MS + i * 1000 for i, d in enumerate(day)],
                "long_view": long_view,
                "like": like,
                "watch_ms": pa.array(watch, pa.int64()),
            }
        ),
    }
    return write_dataset(tmp_path_factory.mktemp("retrieval") / "data", "tiny", tables, 0, {})


@pytest.fixture(scope="module")
def held_out(dataset):
    return HeldOut(dataset, SPLIT)


def test_positives_are_what_was_liked_on_test_days_and_not_shown_before(held_out):
    assert held_out.users.tolist() == [0, 1, 3]  # user 3 liked nothing that is known
    assert held_out.positives.toarray().nonzero()[1].tolist() == [2, 3, 5, 6]
    assert [row.nonzero()[0].tolist() for row in held_out.shown.toarray()] == [[0, 1], [1], [0], []]
    assert [row.nonzero()[0].tolist() for row in held_out.liked.toarray()] == [[0], [1], [0], []]
    assert held_out.popularity.tolist() == [2, 1, 0, 0, 0, 0, 0, 0]


def test_recall_is_a_mean_over_users_of_posts_not_shown_before(held_out):
    table = np.zeros((4, POSTS), np.float32)
    table[0] = [9, 8, 7, 0, 6, 0, 0, 0]  # without 0 and 1, which were shown: 2, 4, then any
    table[1, 3:6] = [3, 2, 1]  # 3, 4, 5
    table[3, 6] = 1
    found = recalls(held_out, lambda users: table[users].copy(), [1, 2, 3, 100], seed=0)
    assert found["recall@1"] == pytest.approx((1 / 2 + 0 + 1) / 3)
    assert found["recall@2"] == found["recall@1"]
    assert found["recall@3"] >= (1 / 2 + 1 + 1) / 3 - 1e-9
    assert found["recall@100"] == 1


def test_equal_scores_have_no_order(held_out):
    """Over many seeds, constant scores find what chance finds."""
    found = [recalls(held_out, lambda users: np.zeros((len(users), POSTS), np.float32), [2], s) for s in range(400)]
    expected = np.mean([2 / 6, 2 / 7, 2 / 8])
    assert np.mean([f["recall@2"] for f in found]) == pytest.approx(expected, abs=0.03)


def test_linear_scores_are_sums_over_what_was_shown(held_out):
    weights = np.arange(POSTS * POSTS, dtype=np.float32).reshape(POSTS, POSTS)
    scores = linear(held_out.shown, weights)(np.array([0, 3]))
    np.testing.assert_array_equal(scores, [weights[0] + weights[1], np.zeros(POSTS)])


@pytest.fixture
def work(tmp_path):
    """The folders of trained models. Posts are axes; a post as history is the next post's axis."""
    axes = np.eye(POSTS, DIM, dtype=np.float32)
    ages, nothing = (2.0 ** -np.arange(AGES)).astype(np.float32), np.zeros(DIM, np.float32)
    tower = UserTower(np.roll(axes, -1, axis=0), np.ones(1024, np.float32), ages, nothing)
    tower.save(tmp_path / "two_tower")
    np.save(tmp_path / "two_tower" / "post_vectors.npy", axes)
    vectors = torch.from_numpy(tower.history_vectors), torch.from_numpy(axes)
    SessionNetwork(SessionShape(), *vectors, 0.0).export(tmp_path / "session")
    for name in ("mf", "sasrec"):
        (tmp_path / name).mkdir()
    Sasrec(POSTS, SessionShape(), 0.0).save(tmp_path / "sasrec")
    np.save(tmp_path / "mf" / "users.npy", np.eye(4, POSTS, k=2))
    np.save(tmp_path / "mf" / "posts.npy", np.eye(POSTS))
    return tmp_path


def two_tower(dataset, held_out, work):
    tower, posts = UserTower.load(work / "two_tower"), np.load(work / "two_tower" / "post_vectors.npy")
    histories = Histories(Log.load(dataset, SPLIT.train_until), SPLIT, held_out.users)
    return nearest(histories, tower.encode, posts, held_out.popularity)


def test_users_are_encoded_at_the_end_of_training(dataset, held_out, work):
    scores = two_tower(dataset, held_out, work)(held_out.users)
    end = START + 3 * DAY_MS
    hours = [(end - START) / HOUR_MS, (end - START - DAY_MS - 1000) / HOUR_MS]
    expected = np.zeros(POSTS, np.float32)
    expected[[1, 2]] = [2.0 ** -int(np.log2(1 + h)) for h in hours]
    np.testing.assert_allclose(scores[0], expected / np.linalg.norm(expected), rtol=1e-5)
    np.testing.assert_array_equal(scores[1], np.eye(POSTS, dtype=np.float32)[2])


def test_who_has_no_history_gets_what_is_popular(dataset, held_out, work):
    np.testing.assert_array_equal(two_tower(dataset, held_out, work)(np.array([3])), [held_out.popularity])


def test_sources_are_blended_as_serving_merges_them(held_out):
    """One after the other, without repeats and without what was shown before."""
    first, second = np.zeros((2, 4, POSTS), np.float32)
    first[0] = [9, 8, 7, 6, 5, 4, 3, 2]  # without 0 and 1: 2, 3, 4, ...
    second[0] = [9, 8, 5, 0, 0, 0, 6, 7]  # 7, 6, 2
    scores = blended([lambda u: first[u].copy(), lambda u: second[u].copy()], held_out.shown, 5)(np.array([0]))
    assert np.argsort(-scores[0])[:5].tolist() == [2, 7, 3, 6, 4]
    assert np.isneginf(scores[0]).sum() == POSTS - 5


def test_all_retrievers_are_measured_on_the_same_users(dataset, work):
    result = evaluate_retrieval(dataset, SPLIT, [1, 3], work, seed=0)
    assert (result.users, result.positives, result.posts) == (3, 4, POSTS)
    names = [name.split(" ")[0] for name in result.quality]
    counted = ["ease", "ease", "item_to_item", "item_to_item", "popularity", "random"]
    assert names == ["two_tower", "session", "sasrec", "mf", *counted, "blended", "blended,"]
    for quality in result.quality.values():
        assert list(quality) == ["recall@1", "recall@3"]
        assert 0 <= quality["recall@1"] <= quality["recall@3"] <= 1
    assert result.quality["two_tower"]["recall@1"] == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert result.quality["mf"]["recall@1"] == pytest.approx((1 / 2 + 0 + 0) / 3)
