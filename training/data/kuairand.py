"""KuaiRand-Pure importer: the files as published, and the reduced copy with its order-only history.

Gao et al., "KuaiRand: An Unbiased Sequential Recommendation Dataset with Randomly Exposed Videos", CIKM 2022.
The published per-video statistics cover the whole period, and so leak the future; they are never read.
docs/data.md tells how each column is mapped.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from cluster.content_encoder import encode_tokens
from cluster.errors import CascadeError
from kernels.actions import ACTIONS
from kernels.columns import CONTENT_DIM, DAY_MS
from training.data.dataset import DataSet, write_dataset
from training.data.problems import Problems
from training.data.progress import Progress, silent
from training.data.sources import describe
from training.data.validation import Source, add_missing_users, validate

KIND: Final = "kuairand_pure"
UTC_OFFSET_MINUTES: Final = 480
#: 8 April 2022 00:00 UTC+8, when the published log begins.
LOG_START_MS: Final = 1_649_347_200_000
#: The reduced copy's history covers the 17 days from there to 24 April.
HISTORY_DAYS: Final = 17
HISTORY_END_MS: Final = LOG_START_MS + HISTORY_DAYS * DAY_MS
HISTORY_LAST_DATE: Final = 20220424

LABELS: Final = {
    "is_like": "like",
    "is_comment": "comment",
    "is_forward": "share",
    "is_follow": "follow",
    "long_view": "long_view",
    "is_click": "click",
    "is_profile_enter": "profile_visit",
    "is_hate": "hide",
}
KINDS: Final = {"LongPicture": "photo", "PictureSet": "carousel"}
#: Weight of a token by its field: what a video is about says more than how it was uploaded.
TOKEN_WEIGHTS: Final = {"tag": 1.0, "music_type": 0.25, "upload_type": 0.25, "video_type": 0.25}

LOG_FILES: Final = "log_standard_*.csv"
PUBLISHED: Final = {"users": "user_features_pure.csv", "videos": "video_features_basic_pure.csv"}
REDUCED: Final = {"log": "impressions.parquet", "users": "users.parquet", "videos": "videos.parquet"}
HISTORY: Final = "history.parquet"

LOG_COLUMNS: Final = ("user_id", "video_id", "time_ms", "date", "tab", "play_time_ms", *LABELS)
USER_COLUMNS: Final = ("user_id", "register_days", "follow_user_num", "fans_user_num")
VIDEO_COLUMNS: Final = (
    "video_id",
    "author_id",
    "video_type",
    "upload_dt",
    "upload_type",
    "video_duration",
    "music_type",
    "tag",
)
HISTORY_COLUMNS: Final = ("user_id", "pos_from_end", "video_id", "long_view", "is_like", "user_train_impressions")
_TEXT: Final = ("video_type", "upload_dt", "upload_type", "tag")


def is_kuairand(src: Path) -> bool:
    """Whether `src` holds KuaiRand-Pure, published or reduced."""
    return any(Path(src).glob(LOG_FILES)) or all((Path(src) / name).is_file() for name in REDUCED.values())


class Files(NamedTuple):
    """KuaiRand-Pure's files: parts of the log, users, videos, and the order-only history of a reduced copy."""

    log: list[Path]
    users: Path
    videos: Path
    history: Path | None

    @property
    def all(self) -> list[Path]:
        return [*self.log, self.users, self.videos, *([self.history] if self.history else [])]


def find_files(src: Path) -> Files:
    """The files in `src`. Raises CascadeError for those that are missing."""
    log = sorted(src.glob(LOG_FILES))
    names = PUBLISHED if log else REDUCED
    missing = [name for name in names.values() if not (src / name).is_file()]
    if missing:
        raise CascadeError(
            f"{src} lacks {', '.join(missing)}",
            f"KuaiRand-Pure needs {LOG_FILES}, {', '.join(PUBLISHED.values())}; a reduced copy, "
            f"{', '.join(REDUCED.values())}",
        )
    history = None if log or not (src / HISTORY).is_file() else src / HISTORY
    return Files(log or [src / names["log"]], src / names["users"], src / names["videos"], history)


def import_kuairand(src: Path, dst: Path, name: str | None = None, progress: Progress = silent) -> DataSet:
    """Import KuaiRand-Pure from `src` as the data set `dst`, whose name is `dst`'s by default.

    Any range of days will do. Raises CascadeError for missing files or columns and for values out of range.
    """
    src, dst = Path(src), Path(dst)
    files = find_files(src)
    progress("read KuaiRand-Pure", 0, 4)
    # Of repeated rows the first one stays: the one of the latest day, so that no row of a test is in its past too.
    log = pa.concat_tables([_read(path, LOG_COLUMNS) for path in files.log]).sort_by([("date", "descending")])
    impressions = _impressions(log)
    progress("read KuaiRand-Pure", 1, 4)
    posts = _posts(_read(files.videos, VIDEO_COLUMNS), impressions)
    progress("read KuaiRand-Pure", 2, 4)
    # A log that reaches back into the period of the history holds the same impressions with their true times.
    first_date = pc.min(impressions["date"]).as_py()
    if files.history and (first_date is None or first_date > HISTORY_LAST_DATE):
        past = _history(_read(files.history, HISTORY_COLUMNS))
        impressions = pa.concat_tables([past, impressions], promote_options="default")
    tables = {"posts": posts, "users": _users(_read(files.users, USER_COLUMNS)), "impressions": impressions}
    progress("read KuaiRand-Pure", 3, 4)
    problems = Problems()
    valid = validate({table: Source(table, rows) for table, rows in tables.items()}, problems)
    problems.stop(str(src))
    source = describe(KIND, files.all)
    data = write_dataset(dst, name or dst.name, add_missing_users(valid), UTC_OFFSET_MINUTES, source)
    progress("read KuaiRand-Pure", 4, 4)
    return data


def _read(path: Path, columns: Iterable[str]) -> pa.Table:
    """The named columns; numbers as int64 (missing ones null), text as string."""
    columns = list(columns)
    try:
        if path.suffix == ".parquet":
            rows = pq.read_table(path, columns=columns)
        else:
            types = {name: pa.string() if name in _TEXT else pa.float64() for name in columns}
            types |= {name: pa.int64() for name in columns if name.endswith("_id") or name == "time_ms"}
            options = pa.csv.ConvertOptions(include_columns=columns, column_types=types, strings_can_be_null=True)
            rows = pa.csv.read_csv(path, convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise CascadeError(f"{path} cannot be read: {error}", "fetch KuaiRand-Pure's files again") from None
    lacking = [name for name in columns if name not in rows.column_names]
    if lacking:
        raise CascadeError(f"{path} lacks the columns {', '.join(lacking)}", "fetch KuaiRand-Pure's files again")
    schema = pa.schema([(name, pa.string() if name in _TEXT else pa.int64()) for name in columns])
    return rows.select(columns).cast(schema)


def _impressions(log: pa.Table) -> pa.Table:
    columns = {
        "user_id": log["user_id"],
        "post_id": log["video_id"],
        "time_ms": log["time_ms"],
        "date": log["date"],
        "surface": pc.binary_join_element_wise("tab", log["tab"].cast(pa.string()), "_"),
        "watch_ms": log["play_time_ms"],
    }
    labels = {action: pc.not_equal(log[label], 0) for label, action in LABELS.items()}
    return pa.table(columns | {action: labels[action] for action in ACTIONS if action in labels})


def _history(history: pa.Table) -> pa.Table:
    """Order-only rows as impressions with estimated times.

    A user's k-th last of N impressions is put at `end - (k - 1/2) / N * 17 days`: spread evenly, in their order.
    """
    k = -history["pos_from_end"].to_numpy()
    spacing = HISTORY_DAYS * DAY_MS / history["user_train_impressions"].to_numpy()
    time_ms = np.floor(HISTORY_END_MS - (k - 0.5) * spacing).astype(np.int64)
    return pa.table(
        {
            "user_id": history["user_id"],
            "post_id": history["video_id"],
            "time_ms": time_ms,
            "date": 20220408 + (time_ms - LOG_START_MS) // DAY_MS,
            "like": pc.not_equal(history["is_like"], 0),
            "long_view": pc.not_equal(history["long_view"], 0),
        }
    )


def _posts(videos: pa.Table, impressions: pa.Table) -> pa.Table:
    """`impressions` are those with true times: no post is younger than the first of them."""
    is_ad = pc.equal(videos["video_type"], "AD")
    kind = pc.if_else(pc.equal(videos["video_type"], "NORMAL"), "video", pa.scalar(None, pa.string()))
    for upload_type, picture in KINDS.items():
        kind = pc.if_else(pc.equal(videos["upload_type"], upload_type), picture, kind)
    content = encode_tokens([_tokens(row) for row in videos.select(list(TOKEN_WEIGHTS)).to_pylist()])
    return pa.table(
        {
            "post_id": videos["video_id"],
            "author_id": videos["author_id"],
            "created_ms": _created(videos, impressions),
            "kind": pc.if_else(is_ad, "ad", kind),
            "topic": pc.list_element(pc.split_pattern(_known(videos["tag"]), ","), 0),
            "duration_ms": videos["video_duration"],
            "embedding": pa.FixedSizeListArray.from_arrays(content.ravel(), CONTENT_DIM),
        }
    )


def _created(videos: pa.Table, impressions: pa.Table) -> pa.ChunkedArray:
    """Midnight (UTC+8) of the upload day; the first impression, when that is earlier or the day is missing."""
    day = pc.strptime(videos["upload_dt"], format="%Y-%m-%d", unit="ms", error_is_null=True)
    midnight = pc.subtract(day.cast(pa.int64()), UTC_OFFSET_MINUTES * 60_000)
    first = impressions.group_by("post_id").aggregate([("time_ms", "min")])
    at = pc.index_in(videos["video_id"], first["post_id"].combine_chunks())
    shown = first["time_ms_min"].combine_chunks().take(at.combine_chunks())
    return pc.coalesce(pc.min_element_wise(midnight, shown), pa.scalar(LOG_START_MS))


def _tokens(video: dict[str, object]) -> dict[str, float]:
    """`field:value` -> weight, for each tag and each known property."""
    return {
        f"{field}:{value}": weight
        for field, weight in TOKEN_WEIGHTS.items()
        if video[field] not in (None, "", "UNKNOWN")
        for value in str(video[field]).split(",")
    }


def _users(users: pa.Table) -> pa.Table:
    age_days = _at_least_zero(users["register_days"])
    return pa.table(
        {
            "user_id": users["user_id"],
            "created_ms": pc.subtract(LOG_START_MS, pc.multiply(age_days, DAY_MS)),
            "followers": _at_least_zero(users["fans_user_num"]),
            "following": _at_least_zero(users["follow_user_num"]),
        }
    )


def _at_least_zero(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """KuaiRand marks some unknown numbers with a negative code."""
    return pc.if_else(pc.greater_equal(values, 0), values, pa.scalar(None, pa.int64()))


def _known(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
