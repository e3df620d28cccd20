"""The archive of a running Cascade, turned into the tables that models are trained on."""

from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.archive import EventArchive, PostArchive
from cluster.errors import CascadeError
from cluster.events import Erasure, Event, Profile, Record
from cluster.posts import Ad, Post
from cluster.settings import Settings
from kernels.actions import ACTIONS
from training.data.archive import import_archive
from training.data.dataset import DataSet, write_dataset
from training.data.ensure import ensure_dataset
from training.data.progress import silent
from training.data.synth.parameters import Parameters
from training.data.synth.synthesis import synthesise

WHERE = ("position", "surface", "device", "connection", "app_version", "region")
T = 1_700_000_000_000
BASE = {
    "posts": {"post_id": [1, 2], "author_id": [101, 102], "created_ms": [3, 4], "topic": ["cats", "dogs"]},
    "users": {"user_id": [7, 8], "region": ["north", "south"], "followers": [5, 6]},
    "impressions": {"user_id": [7], "post_id": [1], "time_ms": [1000]},
    "follows": {
        "user_id": [7, 7, 8],
        "author_id": [101, 102, 101],
        "time_ms": [10, 11, 12],
        "kind": ["follow", "mute", "block"],
    },
}


@pytest.fixture
def base(tmp_path: Path) -> DataSet:
    tables = {name: pa.table(columns) for name, columns in BASE.items()}
    return write_dataset(tmp_path / "base", "base", tables, 60, {"kind": "test"})


def archive(root: Path, *records: Record, first: int = 1) -> Path:
    """An archive of records in that order, in files of three."""
    entries = [(f"{first + i}-0", record) for i, record in enumerate(records)]
    for begin in range(0, len(entries), 3):
        part = entries[begin : begin + 3]
        EventArchive(root).write(part, part[-1][0])
    return root


_numbers = count()


def event(action: str, seconds: float, post: int | None = 1, **fields: Any) -> Event:
    """An event of user 7, so many seconds after T."""
    known = {"event_id": f"e{next(_numbers)}", "user_id": 7, "time_ms": T + int(seconds * 1000)}
    return Event(
        **{"action": action, "post_id": post, "author_id": None if post is None else 100 + post, **known, **fields}
    )


def imported(tmp_path: Path, base: DataSet, *records: Record) -> DataSet:
    return import_archive(archive(tmp_path / "archive", *records), tmp_path / "data", base=base.folder)


def shown(data: DataSet, *columns: str) -> list[tuple[Any, ...]]:
    """(seconds after T, columns, set of actions) of each impression."""
    rows = data.read("impressions", ["time_ms", *columns, *ACTIONS]).to_pylist()
    return [
        (
            (row["time_ms"] - T) / 1000,
            *(row[column] for column in columns),
            {action for action in ACTIONS if row[action]},
        )
        for row in rows
    ]


def test_actions_belong_to_the_latest_impression_until_then(tmp_path: Path, base: DataSet) -> None:
    data = imported(
        tmp_path,
        base,
        event("impression", 0, position=4, surface="home", device="ios"),
        event("impression", 10),
        event("impression", 10, post=2),
        event("like", 10),
        event("share", 5),
        event("comment", 20),
        event("impression", 30),
        event("save", 15, post=2),
        event("save", 25, user_id=8),
    )
    assert shown(data, "post_id", "user_id", "position", "surface", "device") == [
        (0, 1, 7, 4, "home", "ios", {"share"}),
        (10, 1, 7, None, None, None, {"like", "comment"}),
        (10, 2, 7, None, None, None, {"save"}),
        (25, 1, 8, None, None, None, {"save"}),
        (30, 1, 7, None, None, None, set()),
    ]


def test_the_request_that_showed_it_comes_first(tmp_path: Path, base: DataSet) -> None:
    data = imported(
        tmp_path,
        base,
        event("like", -1, request_id="a"),  # a hasty clock
        event("impression", 0, request_id="a"),
        event("impression", 10, request_id="b"),
        event("share", 20, request_id="a"),
        event("comment", 20, request_id="b"),
        event("save", 20, request_id="unknown"),
        event("click", 20, request_id="b", user_id=8),
    )
    assert shown(data, "user_id") == [
        (0, 7, {"like", "share"}),
        (10, 7, {"comment", "save"}),
        (20, 8, {"click"}),
    ]


def test_an_action_without_impression_makes_one_that_later_actions_share(tmp_path: Path, base: DataSet) -> None:
    data = imported(
        tmp_path,
        base,
        event("view", 5, watch_ms=900, surface="explore"),
        event("like", 6),
        event("impression", 10),
        event("share", 11),
        event("unlike", 1, post=2),
    )
    assert shown(data, "watch_ms", "surface") == [(5, 900, "explore", {"like"}), (10, None, None, {"share"})]


def test_what_was_taken_back_did_not_happen(tmp_path: Path, base: DataSet) -> None:
    data = imported(
        tmp_path,
        base,
        event("impression", 0),
        event("like", 1),
        event("save", 1),
        event("follow", 2),
        event("unsave", 5),
        event("impression", 10),
        event("unlike", 11),
        event("save", 12),
        event("impression", 0, post=2),
        event("like", 1, post=2),
        event("unlike", 2, post=2),
        event("like", 3, post=2),
        event("follow", 4, post=2),
        event("unfollow", 20, post=None, author_id=101),
        event("unfollow", 3, post=None, author_id=102),
    )
    assert shown(data, "post_id") == [(0, 1, set()), (0, 2, {"like", "follow"}), (10, 1, {"save"})]
    follows = {(row["author_id"], row["kind"]) for row in data.read("follows").to_pylist() if row["user_id"] == 7}
    assert follows == {(102, "follow"), (102, "mute")}


def test_the_longest_watch_counts_and_repeats_are_one(tmp_path: Path, base: DataSet) -> None:
    seen = event("impression", 0)
    data = imported(
        tmp_path,
        base,
        seen,
        event("view", 3, watch_ms=3000),
        event("view", 9, watch_ms=9000),
        event("view", 4, watch_ms=4000),
        event("like", 10, event_id="twice"),
        event("like", 11, event_id="twice", post=2),
        event("impression", 0),
        event("impression", 0, post=2),
    )
    assert shown(data, "post_id", "watch_ms") == [(0, 1, 9000, {"like"}), (0, 2, None, set())]


def test_relations_hold_since_they_were_begun(tmp_path: Path, base: DataSet) -> None:
    def relation(action: str, seconds: float, author: int) -> Event:
        return event(action, seconds, post=None, author_id=author)

    data = imported(
        tmp_path,
        base,
        event("impression", 0),
        relation("follow", 1, 101),  # it holds already
        relation("close_friend", 1, 101),
        relation("unmute", 1, 102),
        relation("block", 2, 103),
        relation("unblock", 3, 103),
        relation("block", 4, 103),
        relation("unfollow", 9, 104),
        relation("follow", 5, 104),
    )
    rows = data.read("follows").to_pylist()
    assert {(r["user_id"], r["author_id"], r["kind"], r["time_ms"]) for r in rows} == {
        (7, 101, "follow", 10),
        (7, 101, "close_friend", T + 1000),
        (7, 103, "block", T + 4000),
        (8, 101, "block", 12),
    }


def test_profiles_and_new_posts_and_users_are_there_and_the_erased_are_not(tmp_path: Path, base: DataSet) -> None:
    data = imported(
        tmp_path,
        base,
        event("impression", 0),
        event("impression", 1, user_id=8),
        event("block", 1, user_id=8, post=None, author_id=7),
        Profile(user_id=7, time_ms=T, followers=50),
        Profile(user_id=9, time_ms=T, region="east"),
        event("impression", 2, user_id=10, post=3, topic="birds"),
        event("impression", 2, user_id=10, post=4, author_id=None),
        Erasure(user_id=8, time_ms=T + 5000),
        event("impression", 8, user_id=8, post=2),
    )
    assert [(s, user, post) for s, user, post, _ in shown(data, "user_id", "post_id")] == [
        (0, 7, 1),
        (2, 10, 3),
        (8, 8, 2),
    ]
    users = {row["user_id"]: (row["region"], row["followers"]) for row in data.read("users").to_pylist()}
    assert users == {7: ("north", 50), 8: (None, None), 9: ("east", None), 10: (None, None)}
    assert {row["user_id"] for row in data.read("follows").to_pylist()} == {7}
    posts = {row["post_id"]: row for row in data.read("posts").to_pylist()}
    assert set(posts) == {1, 2, 3}
    assert (posts[3]["author_id"], posts[3]["created_ms"], posts[3]["topic"]) == (103, T + 2000, "birds")


def test_the_catalogue_has_the_last_word_on_posts(tmp_path: Path, base: DataSet) -> None:
    def post(post_id: int, **fields: Any) -> Post:
        return Post(**{"post_id": post_id, "author_id": 100 + post_id, "created_ms": T, **fields})

    written = [
        post(1, topic="fish", kind="photo", hashtags=2, embedding=[0.5] * 32),
        post(3, topic="bees"),
        post(3, topic="ants", author_id=500),
        post(4, deleted=True),
    ]
    PostArchive(tmp_path / "archive").write([(f"{i}-0", p) for i, p in enumerate(written, 1)], "4-0")
    data = imported(tmp_path, base, event("impression", 0), event("impression", 1, post=3), event("like", 2, post=5))
    posts = {row["post_id"]: row for row in data.read("posts").to_pylist()}
    assert {i: (p["author_id"], p["topic"], p["kind"]) for i, p in posts.items()} == {
        1: (101, "fish", "photo"),
        2: (102, "dogs", None),
        3: (500, "ants", None),
        4: (104, None, None),
        5: (105, None, None),
    }
    assert posts[1]["embedding"] == [0.5] * 32
    assert [post for _, post, _ in shown(data, "post_id")] == [1, 3, 5]


def test_the_catalogue_has_the_last_word_on_ads(tmp_path: Path) -> None:
    tables = {name: pa.table(columns) for name, columns in BASE.items()}
    tables["ads"] = pa.table({"post_id": [1, 2], "bid": pa.array([0.25, 0.5], pa.float32())})
    base = write_dataset(tmp_path / "base", "base", tables, 60, {"kind": "test"})
    first = PostArchive(tmp_path / "archive")
    first.write([("1-0", Post(post_id=1, author_id=101, created_ms=T))], "1-0")
    [old] = first.files()
    pq.write_table(pq.read_table(old).drop_columns("ad"), old)  # as files were before there were ads
    sold = Post(post_id=3, author_id=101, created_ms=T, ad=Ad(bid=2.0, daily_cap=4))
    first.write([("2-0", sold)], "2-0")
    data = imported(tmp_path, base, event("impression", 0))
    assert data.read("ads").to_pylist() == [
        {"post_id": 2, "bid": 0.5, "daily_cap": None},
        {"post_id": 3, "bid": 2.0, "daily_cap": 4},
    ]


def test_a_world_goes_through_its_archive_unharmed(tmp_path: Path) -> None:
    world = synthesise(Parameters(users=60, posts=300, days=3, seed=3), tmp_path / "world")
    truth = world.read("impressions")
    records: list[Record] = []
    for number, row in enumerate(truth.to_pylist()):
        seen = {name: row[name] for name in ("user_id", "post_id", "time_ms")} | {"request_id": f"r{number}"}
        where = {
            name: row.get(name) for name in ("position", "surface", "device", "connection", "app_version", "region")
        }
        records.append(Event(event_id=f"{number}", action="impression", **seen, **where))
        if row["watch_ms"] is not None:
            records.append(Event(event_id=f"{number} view", action="view", watch_ms=row["watch_ms"], **seen))
        records += [Event(event_id=f"{number} {a}", action=a, **seen) for a in ACTIONS if row[a]]
    positions = [f"{i}-0" for i in range(1, len(records) + 1)]
    EventArchive(tmp_path / "archive").write(list(zip(positions, records, strict=True)), positions[-1])
    (tmp_path / "archive" / "base").symlink_to(world.folder)
    data = ensure_dataset(Settings(home=tmp_path, data=tmp_path / "archive"), progress=silent)
    assert truth.num_rows > 1000
    assert data.read("impressions").equals(truth)
    for table in ("posts", "users", "ads"):
        assert data.read(table).equals(world.read(table))


def test_a_base_is_needed_and_an_archive_is_imported_again_when_it_grows(tmp_path: Path, base: DataSet) -> None:
    settings = Settings(home=tmp_path / "var", data=archive(tmp_path / "archive", event("impression", 0)))
    with pytest.raises(CascadeError, match="no posts and users") as refused:
        ensure_dataset(settings, progress=silent)
    assert "--base" in refused.value.remedy
    (tmp_path / "archive" / "base").symlink_to(base.folder)
    assert len(shown(ensure_dataset(settings, progress=silent))) == 1
    inode = (tmp_path / "var" / "data" / "archive").stat().st_ino
    assert ensure_dataset(settings, progress=silent).folder.stat().st_ino == inode
    archive(tmp_path / "archive", event("impression", 5), first=10)
    assert len(shown(ensure_dataset(settings, progress=silent))) == 2
