"""The archive of the event log: Parquet files by the UTC hour of what they tell of.

`events/date=YYYYMMDD/hour=HH/{position}.parquet` holds records of one hour, in the order of the log, from that position
of the log on. `events/position` names the last position that is archived; files that begin after it are unfinished
business of a process that is gone, and are removed by the next one.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.errors import CascadeError
from cluster.events import Erasure, Event, Profile, Record

FOLDER: Final = "events"
SCHEMA: Final = pa.schema(
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
_KINDS: Final[dict[type, str]] = {Event: "event", Profile: "profile", Erasure: "erasure"}
_HOUR_MS: Final = 3_600_000


class ArchiveInUse(CascadeError):
    """Another process writes this archive."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the archive {folder} is written by another process", "It is waited for.")


class Archive:
    """The archive in `root`/events. One process at a time writes it, under `lock`. Methods raise OSError."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER
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
        """All files, by hour."""
        return sorted(self.folder.glob("date=*/hour=*/*.parquet"))

    def clear_after(self, position: str) -> None:
        """Remove what a process left that was gone before it had moved the position."""
        for path in self.folder.glob("date=*/hour=*/*"):
            if path.suffix != ".parquet" or _order(path.stem) > _order(position):
                path.unlink()

    def write(self, entries: Sequence[tuple[str, Record]], position: str) -> None:
        """Add records with their positions and move the archive's position; all of it is on disk then."""
        hours: dict[int, list[tuple[str, Record]]] = {}
        for entry in entries:
            hours.setdefault(entry[1].time_ms // _HOUR_MS, []).append(entry)
        for hour, part in hours.items():
            _write_durably(self._path(hour, part[0][0]), _table(part))
        _replace_durably(self._position_file, position.encode())

    def _path(self, hour: int, position: str) -> Path:
        time = datetime.fromtimestamp(hour * 3600, UTC)
        return self.folder / f"date={time:%Y%m%d}" / f"hour={time:%H}" / f"{position}.parquet"


def _lock(file: IO[bytes], folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ArchiveInUse(folder) from None


def _table(entries: Sequence[tuple[str, Record]]) -> pa.Table:
    columns: dict[str, list[Any]] = {
        "log_position": [position for position, _ in entries],
        "record": [_KINDS[type(record)] for _, record in entries],
    }
    for name in SCHEMA.names[2:]:
        columns[name] = [getattr(record, name, None) for _, record in entries]
    return pa.table(columns, schema=SCHEMA)


def _write_durably(path: Path, table: pa.Table) -> None:
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
