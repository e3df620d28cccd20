"""`cascade data forget`: what users did leaves the event log and the archive, and so the training data of tomorrow."""

import asyncio
import fcntl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct

from cluster.archive import EventArchive, write_table
from cluster.errors import CascadeError, InvalidField
from cluster.processes.run_state import read_run
from cluster.record_removal import RecordRemoval
from cluster.settings import Settings
from cluster.store.stream import order
from cluster.store.urls import StoreUrls
from cluster.wire import MAX_ID
from training.data.progress import Progress

#: How long consumers may take to apply what is in the log, beyond the time that the archive waits for more, in seconds.
PATIENCE_S: Final = 60.0


class Forgotten(Struct, frozen=True):
    """What was removed."""

    users: list[int]
    rows: int  # of the archive
    files: int  # of the archive that had such rows
    log_entries: int | None  # None: the event log could not be searched, for Cascade is not up


def forget(users: Collection[int], settings: Settings, progress: Progress) -> Forgotten:
    """Remove the users' records from the event log, up to their erasure, and from the archive. Idempotent.

    Raises CascadeError when a store does not answer, a consumer is behind, or the archive cannot be written.
    """
    wanted = frozenset(users)
    for user in wanted:
        if not 0 <= user <= MAX_ID:
            raise InvalidField("--user", user, f"must be an integer of 0 to {MAX_ID}")
    urls = _urls(settings)
    # The log first: what the archive has not taken from it yet would come after.
    entries = asyncio.run(_forget_in_log(wanted, urls, settings, progress)) if urls else None
    try:
        rows = _forget_in_archive(wanted, EventArchive(settings.archive_folder), progress)
    except (OSError, pa.ArrowInvalid) as error:
        remedy = "See to that file and run this again; it goes on from there."
        raise CascadeError(f"the archive cannot be rewritten: {error}", remedy) from error
    return Forgotten(sorted(wanted), sum(rows), len(rows), entries)


def _urls(settings: Settings) -> StoreUrls | None:
    """Where the stores are, if they are there: those of a Cascade that is up, or those that the settings name."""
    run = read_run(settings.run_file)
    if run and run.alive:
        return run.urls
    events_url = settings.events_url or settings.store_url
    return StoreUrls(settings.store_url, events_url) if settings.store_url and events_url else None


async def _forget_in_log(users: Collection[int], urls: StoreUrls, settings: Settings, progress: Progress) -> int:
    async with RecordRemoval(urls, settings) as removal:
        progress("consumers catch up", 0, 1)
        last = await removal.applied_by_all(settings.archive.flush_s + PATIENCE_S)
        progress("consumers catch up", 1, 1)
        return await removal.remove(users, last, lambda done, total: progress("event log", done, total))


def _forget_in_archive(users: Collection[int], archive: EventArchive, progress: Progress) -> list[int]:
    """Rows that were removed from each file that had some."""
    position = archive.position()
    # Files beyond the position are not finished: the archive itself removes them and takes their records anew.
    files = [file for file in archive.files() if position is None or order(file.stem) <= order(position)]
    if not files:
        return []
    ids = pa.array(sorted(users), pa.int64())
    removed = []
    with _alone(archive.folder):
        for done, file in enumerate(files, start=1):
            removed.append(_rewrite(file, ids))
            progress("archive", done, len(files))
    return [rows for rows in removed if rows]


def _rewrite(file: Path, ids: pa.Array) -> int:
    """Take the records of users out of a file; how many there were. Whoever reads sees the old file or the new one.

    Erasures stay: an import of the archive leaves those users out of what it takes from elsewhere.
    """
    columns = pq.read_table(file, columns=["user_id", "record"], partitioning=None)
    goes = pc.and_(pc.is_in(columns["user_id"], ids), pc.not_equal(columns["record"], "erasure"))
    rows: int = pc.sum(goes).as_py() or 0
    if rows == len(goes):
        file.unlink()
    elif rows:
        write_table(file, pq.read_table(file, partitioning=None).filter(pc.invert(goes)))
    return rows


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only one who rewrites files: two at once would bring back what the other removes."""
    with (folder / "forget.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CascadeError(
                "another `cascade data forget` is at work", "Run this again when it has ended."
            ) from None
        yield
