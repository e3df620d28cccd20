"""A release with more posts than there are, served in this process beside a real Cascade's stores."""

import json

import numpy as np
import pytest

from benchmarks.larger_release import enlarge
from cluster.clock import Clock
from cluster.live_release import LiveFile
from cluster.post_table import PostTable
from cluster.release import Releases
from cluster.settings import load_settings
from deployments.inprocess import InProcess

pytestmark = pytest.mark.serving
POSTS = 5000


def test_copies_of_posts_come_into_feeds_beside_them(served, tmp_path, monkeypatch):
    source = Releases(served.home / "releases").get(served.run.release)
    own = PostTable.load(source.folder / "posts")
    larger = enlarge(source, Releases(tmp_path / "releases"), POSTS)
    larger.verify()
    assert LiveFile(tmp_path / "releases").need().live == larger.name
    posts = PostTable.load(larger.folder / "posts")
    assert posts.post_ids[: len(own)].tolist() == own.post_ids.tolist()
    assert len(np.unique(posts.post_ids)) == len(posts) == POSTS
    np.testing.assert_array_equal(posts.columns.author[len(own) : 2 * len(own)], own.columns.author)
    cosines = (posts.columns.content[len(own) : 2 * len(own)] * own.columns.content).sum(1)
    assert 0.5 < np.median(cosines) < 0.99

    for name, value in (served.environment | {"CASCADE_HOME": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    feeds = InProcess.on(load_settings(), Clock(served.run.clock_offset_ms), served.run.urls)
    try:
        users = served.dataset.read("users", ["user_id"])["user_id"].to_pylist()[:10]
        answers = [json.loads(feeds.feed(json.dumps({"user_id": u, "deadline_ms": 10_000}).encode())) for u in users]
    finally:
        feeds.close()
    ids = [item["post_id"] for answer in answers for item in answer["items"]]
    known = set(own.post_ids.tolist())
    assert {post in known for post in ids} == {True, False}
    assert {answer["release"] for answer in answers} == {larger.name}
    assert all(len(answer["items"]) == 50 for answer in answers)


def test_fewer_posts_than_there_are_cannot_be(served, tmp_path):
    source = Releases(served.home / "releases").get(served.run.release)
    with pytest.raises(ValueError, match="are fewer than"):
        enlarge(source, Releases(tmp_path), 10)
