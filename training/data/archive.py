"""Import of the archive that a running Cascade writes: its events become the tables that models are trained on."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.archive import EVENTS_SCHEMA, POSTS_SCHEMA, Archive, EventArchive, PostArchive
from cluster.errors import CascadeError
from training.data.attribution import impressions
from training.data.dataset import DataSet, write_dataset
from training.data.progress import Progress, silent
from training.data.relations import relations, without_unfollowed
from training.data.schema import ADS, POSTS, USERS
from training.data.sources import describe
from training.data.validation import add_missing_users, drop_repeats

KIND: Final = "archive"
#: Link or folder beside the events: the data set whose posts and users the events are about.
BASE: Final = "base"


def is_archive(src: Path) -> bool:
    """Whether `src` holds `events/date=*`."""
    return any((src / "events").glob("date=*"))


def describe_archive(src: Path) -> dict[str, Any]:
    """The `source` entry that an import of `src` would have now. Raises CascadeError without a base."""
    return _describe(src, _base(src, None))


def import_archive(
    src: Path, dst: Path, name: str | None = None, base: Path | None = None, progress: Progress = silent
) -> DataSet:
    """Import the events of `src` as the data set `dst`.

    Posts, users, relations and ads are those of the data set `base` (`src`/base by default), brought up to date by the
    archived catalogue and the events; its impressions are not taken over. A post that only events know is there with
    their author, since the first of them; without an author it and its events are left out. Who was erased is in
    nothing of before. Raises CascadeError without a base or without a single impression.
    """
    data = _base(src, base)
    progress("read events", 0, 3)
    source = _describe(src, data)
    records, erased = _without_erased(_once(_read(EventArchive(src), EVENTS_SCHEMA)))
    events = without_unfollowed(records.filter(pc.equal(records["record"], "event")))
    progress("read events", 1, 3)
    catalogue = _last_words(_read(PostArchive(src), POSTS_SCHEMA))
    posts, ads = _posts(data.read("posts"), catalogue, events), _ads(data.read("ads"), catalogue)
    shown = impressions(events)
    tables = {
        "posts": posts,
        "users": _users(_remaining(data.read("users"), erased), records),
        "impressions": shown.filter(pc.is_in(shown["post_id"], posts["post_id"].combine_chunks())),
        "follows": relations(events, _remaining(data.read("follows"), erased)),
    }
    if ads.num_rows:
        tables["ads"] = ads
    progress("read events", 2, 3)
    made = write_dataset(dst, name or dst.name, add_missing_users(tables), data.manifest.utc_offset_minutes, source)
    progress("read events", 3, 3)
    return made


def _base(src: Path, base: Path | None) -> DataSet:
    folder = base or src / BASE
    if not folder.exists():
        raise CascadeError(
            f"the archive {src} has no posts and users: {folder} is not there",
            f"name their data set with --base, or link it as {src / BASE}",
        )
    return DataSet.open(folder)


def _describe(src: Path, base: DataSet) -> dict[str, Any]:
    """With how far the log was archived: a store that is filled from the data set knows what happened up to there."""
    return describe(KIND, _files(src), base=base.manifest.fingerprint, log_position=EventArchive(src).position())


def _files(src: Path) -> list[Path]:
    return EventArchive(src).files() + PostArchive(src).files()


def _read(archive: Archive[Any], schema: pa.Schema) -> pa.Table:
    """All rows in the order of the log."""
    files = [pq.ParquetFile(path).read() for path in archive.files()]
    # Files of before there was a column have none of it.
    rows = pa.concat_tables([schema.empty_table(), *files], promote_options="default")
    order = [tuple(map(int, position.split("-"))) for position in rows["log_position"].to_pylist()]
    return rows.take(pa.array(np.lexsort(np.array(order, np.int64).reshape(-1, 2).T[::-1])))


def _once(records: pa.Table) -> pa.Table:
    """Records without the events whose id is there already."""
    once = pc.coalesce(records["event_id"], records["log_position"])
    return drop_repeats(records.append_column("once", once), ["once"]).drop_columns("once")


def _without_erased(records: pa.Table) -> tuple[pa.Table, pa.Array]:
    """Records without those of users who were erased after them, and the ids of these users."""
    place = np.arange(records.num_rows)
    users = records["user_id"].to_numpy()
    erasures = pc.equal(records["record"], "erasure").to_numpy(zero_copy_only=False)
    erased, last = np.unique(users[erasures][::-1], return_index=True)
    if not len(erased):
        return records, pa.array([], pa.int64())
    last_place = place[erasures][::-1][last]
    at = np.minimum(np.searchsorted(erased, users), len(erased) - 1)
    gone = (erased[at] == users) & (place <= last_place[at])
    return records.filter(pa.array(~gone)), pa.array(erased)


def _remaining(rows: pa.Table, erased: pa.Array) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["user_id"], erased)))


def _last_words(written: pa.Table) -> pa.Table:
    """Each post of the catalogue as it was written last."""
    return drop_repeats(written.take(pa.array(np.arange(written.num_rows)[::-1])), ["post_id"])


def _ads(known: pa.Table, catalogue: pa.Table) -> pa.Table:
    """The ads of the base, and what the catalogue says of posts instead."""
    sold = catalogue.filter(pc.is_valid(catalogue["ad"]))
    terms = {name: pc.struct_field(sold["ad"], name) for name in ("bid", "daily_cap")}
    added = pa.table({"post_id": sold["post_id"], **terms}, schema=ADS.arrow)
    return pa.concat_tables([_unlike(known, catalogue), added], promote_options="default")


def _posts(known: pa.Table, catalogue: pa.Table, events: pa.Table) -> pa.Table:
    """The posts of the base, those of the catalogue in their place, and those that only events know."""
    catalogue = catalogue.select([name for name in POSTS.arrow.names if name in POSTS_SCHEMA.names])
    posts = pa.concat_tables([_unlike(known, catalogue), catalogue], promote_options="default")
    told = events.filter(pc.and_(pc.is_valid(events["post_id"]), pc.is_valid(events["author_id"])))
    new = (
        _unlike(told, posts).group_by("post_id").aggregate([("author_id", "min"), ("time_ms", "min"), ("topic", "max")])
    )
    added = pa.table(
        {
            "post_id": new["post_id"],
            "author_id": new["author_id_min"],
            "created_ms": new["time_ms_min"],
            "topic": new["topic_max"],
        },
        schema=pa.schema([POSTS.arrow.field(name) for name in ("post_id", "author_id", "created_ms", "topic")]),
    )
    return pa.concat_tables([posts, added], promote_options="default")


def _unlike(rows: pa.Table, posts: pa.Table) -> pa.Table:
    """`rows` about other posts."""
    return rows.filter(pc.invert(pc.is_in(rows["post_id"], posts["post_id"].combine_chunks())))


def _users(known: pa.Table, records: pa.Table) -> pa.Table:
    """The users of the base, with what profiles said of them since."""
    profiles = records.filter(pc.equal(records["record"], "profile"))
    users: dict[int, dict[str, Any]] = {row["user_id"]: row for row in known.to_pylist()}
    for row in profiles.select(USERS.arrow.names).to_pylist():
        said = {name: value for name, value in row.items() if value is not None}
        users[row["user_id"]] = users.get(row["user_id"], {}) | said
    return pa.Table.from_pylist(list(users.values()), schema=USERS.arrow)
