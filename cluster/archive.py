"""The archive: what the durable streams said, as Parquet files that models are trained on later.

`events/date=YYYYMMDD/hour=HH/{position}.parquet` holds records of one UTC hour of what they tell of, in the order of
the log, from that position of the log on; `catalogue/{position}.parquet` holds posts as they were written. A file
`position` beside them names the last position that is archived; files that begin after it are unfinished business of
a process that is gone, and are removed by the next one.
"""

import fcntl
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, Generic, NamedTuple, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cluster.errors import CascadeError
from cluster.events import Erasure, Event, Profile, Record
from cluster.posts import Post

T = TypeVar("T")

EVENTS_SCHEMA: Final = pa.schema(
    [
        pa.field("log_position", pa.string(), nullable=False),
        pa.field("record", pa.string(), nullable=False),  # event, profile or erasure
        pa.field("user_id", pa.int64(), nullable=False),
        pa.field("time_ms", pa.int64(), nullable=False),
        ("event_id", pa.string()),
        ("action", pa.string()),
        ("post_id", pa.int64()),
        ("author_id", pa.int64()),
        ("request_id", pa.string()),
        ("position", pa.int32()),
        ("watch_ms", pa.int64()),
        ("surface", pa.string()),
        ("device", pa.string()),
        ("connection", pa.string()),
        ("app_version", pa.string()),
        ("region", pa.string()),
        ("topic", pa.string()),
        # of profiles
        ("created_ms", pa.int64()),
        ("followers", pa.int64()),
        ("following", pa.int64()),
    ]
)
POSTS_SCHEMA: Final = pa.schema(
    [
        pa.field("log_position", pa.string(), nullable=False),
        pa.field("post_id", pa.int64(), nullable=False),
        pa.field("author_id", pa.int64(), nullable=False),
        pa.field("created_ms", pa.int64(), nullable=False),
        ("kind", pa.string()),
        ("topic", pa.string()),
        ("region", pa.string()),
        ("duration_ms", pa.int64()),
        ("caption", pa.string()),
        ("caption_length", pa.int32()),
        ("tags", pa.list_(pa.string())),
        ("hashtags", pa.int32()),
        ("has_location", pa.bool_()),
        ("embedding", pa.list_(pa.float32())),
        ("encoder", pa.string()),
        ("moderation", pa.string()),
        ("only_regions", pa.list_(pa.string())),
        ("ad", pa.struct([("bid", pa.float32()), ("daily_cap", pa.int32())])),
        ("deleted", pa.bool_()),
    ]
)
_KINDS: Final[dict[type, str]] = {Event: "event", Profile: "profile", Erasure: "erasure"}
_HOUR_MS: Final = 3_600_000


class ArchiveInUse(CascadeError):
    """Another process writes this archive."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the archive {folder} is written by another process", "It is waited for.")


class Part(NamedTuple):
    """Rows of one file, and the folder it belongs in, below the archive's own."""

    folder: str
    first: str  # position
    rows: pa.Table


class Archive(ABC, Generic[T]):
    """The archive of one stream. One process at a time writes it, under `lock`. Methods raise OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._position_file = self.folder / "position"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one who writes; ends with the process at the latest. Raises ArchiveInUse."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("ab") as file:
            _lock(file, self.folder)
            yield

    def position(self) -> str | None:
        """The last position of the log that is archived; None before the first."""
        try:
            return self._position_file.read_text().strip()
        except FileNotFoundError:
            return None

    def files(self) -> list[Path]:
        """All files, by name."""
        return sorted(path for path in self.folder.rglob("*.parquet") if not path.name.startswith("."))

    def clear_after(self, position: str) -> None:
        """Remove what a process left that was gone before it had moved the position."""
        for path in self.folder.rglob("*.parquet.part"):
            path.unlink()
        for path in self.files():
            if _order(path.stem) > _order(position):
                path.unlink()

    def write(self, entries: Sequence[tuple[str, T]], position: str) -> None:
        """Add entries with their positions and move the archive's position; all of it is on disk then."""
        for part in self.parts(entries):
            write_table(self.folder / part.folder / f"{part.first}.parquet", part.rows)
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace_durably(self._position_file, position.encode())

    @abstractmethod
    def parts(self, entries: Sequence[tuple[str, T]]) -> Iterable[Part]:
        """The files that entries become."""


class EventArchive(Archive[Record]):
    """Records of the event log in `root`/events, by hour."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "events")

    def parts(self, entries: Sequence[tuple[str, Record]]) -> Iterable[Part]:
        hours: dict[int, list[tuple[str, Record]]] = {}
        for entry in entries:
            hours.setdefault(entry[1].time_ms // _HOUR_MS, []).append(entry)
        for hour, told in hours.items():
            time = datetime.fromtimestamp(hour * 3600, UTC)
            yield Part(f"date={time:%Y%m%d}/hour={time:%H}", told[0][0], events_table(told))


class PostArchive(Archive[Post]):
    """Posts of the catalogue in `root`/catalogue, as they were written; the last word on a post counts."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "catalogue")

    def parts(self, entries: Sequence[tuple[str, Post]]) -> Iterable[Part]:
        if entries:
            ads = [msgspec.to_builtins(post.ad) for _, post in entries]
            yield Part(".", entries[0][0], _table(POSTS_SCHEMA, entries, ad=ads))


def events_table(entries: Sequence[tuple[str, Record]]) -> pa.Table:
    """Records with their positions as the archive has them, EVENTS_SCHEMA."""
    return _table(EVENTS_SCHEMA, entries, record=[_KINDS[type(record)] for _, record in entries])


def _lock(file: IO[bytes], folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ArchiveInUse(folder) from None


def _table(schema: pa.Schema, entries: Sequence[tuple[str, Any]], **columns: list[Any]) -> pa.Table:
    """Rows of the entries' attributes; their positions and `columns` beside them."""
    columns = {"log_position": [position for position, _ in entries], **columns}
    for name in schema.names:
        if name not in columns:
            columns[name] = [getattr(entry, name, None) for _, entry in entries]
    return pa.table(columns, schema=schema)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a file of the archive, or put it in the place of an older one; it is on disk then. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    _replace_durably(path, buffer.getvalue())


def _replace_durably(path: Path, content: Any) -> None:
    """Write a file under another name, have it on disk, and give it its name."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _order(position: str) -> tuple[int, int]:
    milliseconds, sequence = position.split("-")
    return int(milliseconds), int(sequence)
