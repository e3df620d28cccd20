"""The catalogue as components see it, after records of the log."""

import asyncio

import numpy as np
import pytest

from deployments.catalogue.contents import Contents
from kernels.assembly import WIDTH, assemble
from kernels.columns import CONTENT_DIM
from tests.deployments.catalogue.releases import POSTS, catalogue, post, release, vector_of
from tests.deployments.queries import query
from tests.kernels.columns import NOW
from training.models.post_tower import post_codes, post_numbers, unit


def row_of(live, post_id: int) -> int:
    return int(live.posts.post_rows(np.array([post_id]))[0])


def newest(live) -> list[int]:
    return live.posts.post_ids[live.newest(0, NOW + 10**9, 1000)].tolist()


def found(live, post_id: int, k: int = 5) -> bool:
    return row_of(live, post_id) in live.search(vector_of(live, post_id), k).tolist()


def test_a_new_post_is_in_every_column_and_found_by_nearness_and_time():
    live = catalogue()
    told = post(5, topic="sea", region="south", kind="photo", duration_ms=1500, caption_length=9, hashtags=2)
    live.apply([told, post(7, topic="chess", author_id=100)])
    row, columns = row_of(live, 5), live.posts.columns
    assert (row, len(live)) == (POSTS, POSTS + 2)
    assert (columns.topic[row], columns.region[row], columns.kind[row]) == (3, 2, 2)
    assert (columns.duration_s[row], columns.caption_length[row], columns.hashtags[row]) == (1.5, 9, 2)
    np.testing.assert_allclose(np.linalg.norm(columns.content[row]), 1, atol=1e-6)
    assert live.posts.author_ids[columns.author[[row, row + 1]]].tolist() == [900, 100]
    assert columns.topic[row + 1] == 0, "the release does not know the topic"
    authors, known, topics = live.authors_and_topics(np.array([5, 7, 12345]))
    assert (authors[:2].tolist(), known.tolist(), topics[:2]) == ([900, 100], [True, True, False], ["sea", "chess"])
    assert found(live, 5)
    assert found(live, 7)
    assert set(newest(live)[:2]) <= {5, 7, 1000 + POSTS - 1}


def test_a_new_post_has_the_vector_of_its_contents_alone():
    live = catalogue()
    live.apply([post(5, topic="sea")])
    contents = Contents.at(live.posts.columns, live.posts.post_rows(np.array([5])))
    expected = release().post_tower.encode(post_numbers(contents), post_codes(contents))
    np.testing.assert_allclose(vector_of(live, 5), unit(expected)[0], atol=1e-6)


def test_features_of_new_posts_are_assembled():
    live = catalogue()
    live.apply([post(5), post(6)])
    asked, rows = query(live.posts, seen=(5,)), np.array([3, POSTS, POSTS + 1], np.int32)
    x = np.empty((3, WIDTH), np.float32)
    assemble(asked.user, asked.context, live.posts.columns, np.array([0, 3]), rows, x)
    assert np.isfinite(x).all()


@pytest.mark.parametrize("gone", [{"deleted": True}, {"moderation": "removed"}])
@pytest.mark.parametrize("post_id", [1010, 5])
def test_what_is_removed_is_found_by_nothing_and_comes_back_when_it_is_restored(gone, post_id):
    live = catalogue()
    live.apply([post(5)])
    vector = vector_of(live, post_id)
    live.apply([post(post_id, **gone)])
    row = row_of(live, post_id)
    assert not live.alive[row]
    assert row not in live.search(vector, 1000).tolist()
    assert post_id not in newest(live)
    live.apply([post(post_id)])
    assert live.alive[row]
    assert row == row_of(live, post_id)
    assert found(live, post_id)
    assert newest(live).count(post_id) == 1


def test_a_removal_of_what_is_not_known_changes_nothing():
    live = catalogue()
    live.apply([post(5, deleted=True)])
    assert len(live) == POSTS
    assert row_of(live, 5) == -1


def test_of_several_records_of_a_post_the_last_one_counts():
    live = catalogue()
    live.apply([post(5, topic="sea"), post(6), post(5, deleted=True), post(6, topic="food"), post(6, topic="cars")])
    assert row_of(live, 5) == -1
    assert live.posts.columns.topic[row_of(live, 6)] == 1
    live.apply([post(6, deleted=True), post(6, topic="food")])
    assert live.alive[row_of(live, 6)]


def test_a_changed_post_moves_by_its_contents_and_keeps_what_was_learned_of_it():
    live, fixed = catalogue(), release()
    row = row_of(live, 1010)
    before = live.user_tower.history_vectors[row].copy()
    same = live.post_of_release(1010)
    live.apply([same])
    assert live.index.fresh == 0, "nothing has changed, so nothing moves"
    np.testing.assert_array_equal(live.user_tower.history_vectors[row], before)
    live.apply([post(1010, author_id=100, created_ms=NOW - 5)])
    contents = Contents.at(live.posts.columns, np.array([row]))
    old = Contents.at(fixed.posts.columns, np.array([row]))
    moved = fixed.post_tower.encode(post_numbers(contents), post_codes(contents))
    moved -= fixed.post_tower.encode(post_numbers(old), post_codes(old))
    np.testing.assert_allclose(live.user_tower.history_vectors[row], before + moved[0], atol=1e-5)
    assert found(live, 1010)
    assert newest(live)[1] == 1010
    assert (live.index.fresh, live.index.masked) == (1, 1)


def test_authors_posts_are_counted():
    live = catalogue()
    first = live.posts.columns.author_posts.copy()
    live.apply([post(5), post(6), post(7, author_id=100)])
    live.apply([post(6, author_id=200)])
    author = live.posts.author_rows(np.array([100, 200, 900]))
    np.testing.assert_array_equal(live.posts.columns.author_posts[author], [first[0] + 1, first[1] + 1, 1])


def test_a_post_of_the_release_is_told_as_it_was_published():
    live = catalogue()
    told = live.post_of_release(1010)
    assert (told.post_id, told.author_id, told.created_ms) == (1010, 200, NOW - (POSTS - 11) * 3_600_000)
    assert len(told.embedding) == CONTENT_DIM
    assert live.post_of_release(5) is None
    live.apply([post(5)])
    assert live.post_of_release(5) is None


def test_compaction_keeps_what_changes_meanwhile():
    live = catalogue(fresh_limit=10, removed_limit=10)
    live.apply([post(number) for number in range(11)])
    assert live.wants_compaction

    async def scenario() -> None:
        building = asyncio.create_task(live.compact())
        await asyncio.sleep(0)  # the snapshot is taken
        live.apply([post(50), post(3, seed=99), post(4, deleted=True), post(1000, deleted=True)])
        for post_id in (50, 3, 5, 1001):
            assert found(live, post_id, 1)
        await building

    vector, gone = vector_of(live, 4), (row_of(live, 4), row_of(live, 1000))
    asyncio.run(scenario())
    assert not live.wants_compaction
    assert live.index.fresh == 2
    assert not set(gone) & set(live.search(vector, 1000).tolist())
    for post_id in (50, 3, 5, 10, 1001):
        assert found(live, post_id, 1)
    assert len(live.search(vector, 1000)) == POSTS + 11 - 2 + 1


def test_a_compaction_that_fails_leaves_the_old_index(monkeypatch):
    live = catalogue()
    live.apply([post(5)])
    monkeypatch.setattr("deployments.catalogue.catalogue.build", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(live.compact())
    monkeypatch.undo()
    assert found(live, 5)
    asyncio.run(live.compact())
    assert live.index.fresh == 0
    assert found(live, 5)
