import asyncio
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cluster.archive import EventArchive
from cluster.errors import CascadeError
from cluster.event_log import EventLog
from cluster.events import Erasure, Event, Profile, Record
from cluster.settings import Settings, Store
from cluster.store.valkey_server import ValkeyServer
from tests.conftest import free_port
from training.data.cli import app
from training.data.forget import Forgotten, forget
from training.data.progress import silent

HOUR_MS = 3_600_000


def did(user: int, time_ms: int) -> Event:
    return Event(event_id=f"{user}-{time_ms}", user_id=user, action="like", post_id=1, time_ms=time_ms)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def archive(settings: Settings) -> EventArchive:
    """Two hours of three users: user 2 is alone in the second."""
    archive = EventArchive(settings.archive_folder)
    archive.write([("1-0", did(1, 1)), ("2-0", did(2, 2)), ("3-0", did(3, 3)), ("4-0", did(1, 4))], "4-0")
    archive.write([("5-0", did(2, HOUR_MS)), ("6-0", Profile(user_id=3, time_ms=9, region="north"))], "6-0")
    return archive


def archived(archive: EventArchive) -> list[tuple[str, int]]:
    """Position and user of every row."""
    tables = [pq.read_table(file, partitioning=None) for file in archive.files()]
    return sorted((row["log_position"], row["user_id"]) for table in tables for row in table.to_pylist())


def test_the_users_rows_leave_the_archive_and_nothing_else_does(settings: Settings, archive: EventArchive) -> None:
    before = {file: file.read_bytes() for file in archive.files()}
    assert forget([1, 3], settings, silent) == Forgotten([1, 3], rows=4, files=2, log_entries=None)
    assert archived(archive) == [("2-0", 2), ("5-0", 2)]
    untouched = [file for file in archive.files() if file.read_bytes() == before[file]]
    assert [file.stem for file in untouched] == ["5-0"]
    assert archive.position() == "6-0"
    assert pq.read_schema(archive.files()[0]).equals(pq.read_schema(untouched[0]))
    assert forget([1, 3], settings, silent) == Forgotten([1, 3], rows=0, files=0, log_entries=None)


def test_a_file_without_rows_left_is_removed(settings: Settings, archive: EventArchive) -> None:
    assert forget([2], settings, silent) == Forgotten([2], rows=2, files=2, log_entries=None)
    assert [file.stem for file in archive.files()] == ["1-0", "6-0"]


def test_an_erasure_stays_as_imports_must_know_of_it(settings: Settings, archive: EventArchive) -> None:
    archive.write([("7-0", did(1, 6)), ("8-0", Erasure(user_id=1, time_ms=7))], "8-0")
    assert forget([1], settings, silent) == Forgotten([1], rows=3, files=2, log_entries=None)
    assert [position for position, user in archived(archive) if user == 1] == ["8-0"]


def test_files_that_are_not_finished_are_left_to_the_archive(settings: Settings, archive: EventArchive) -> None:
    archive.write([("8-0", did(1, 8))], "8-0")
    (archive.folder / "position").write_text("6-0")
    forget([1], settings, silent)
    assert ("8-0", 1) in archived(archive)


def test_there_need_be_no_archive(settings: Settings) -> None:
    assert forget([1], settings, silent) == Forgotten([1], rows=0, files=0, log_entries=None)
    assert not settings.archive_folder.exists()


def test_two_at_once_do_not_undo_each_other(settings: Settings, archive: EventArchive) -> None:
    with (archive.folder / "forget.lock").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CascadeError, match="another"):
            forget([1], settings, silent)
    assert ("1-0", 1) in archived(archive)
    assert forget([1], settings, silent).rows == 2


def test_an_archive_that_cannot_be_written_is_said_to_be_so(settings: Settings, archive: EventArchive) -> None:
    [file] = [file for file in archive.files() if file.stem == "1-0"]
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(CascadeError, match=r"1-0\.parquet"):
        forget([1], settings, silent)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path / "store", Store(port=free_port())) as server:
        yield server


def test_the_log_is_searched_where_there_is_one(
    tmp_path: Path,
    archive: EventArchive,
    store: ValkeyServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records: list[Record] = [did(1, 1), did(2, 2), Erasure(user_id=1, time_ms=3), did(1, 4)]

    async def append() -> None:
        async with EventLog(store.url, Settings().events) as log:
            await log.append(records)

    asyncio.run(append())
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path))
    monkeypatch.setenv("CASCADE_STORE_URL", store.url)
    app(["forget", "--user", "1", "--user", "3", "--json"], result_action="return_value")
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"users": [1, 3], "rows": 4, "files": 2, "log_entries": 1}


def test_people_are_told_what_was_not_searched(
    tmp_path: Path, archive: EventArchive, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path))
    app(["forget", "--user", "1"], result_action="return_value")
    told = " ".join(capsys.readouterr().out.split())
    assert "2 rows removed from 1 file of the archive" in told
    assert "run it again when Cascade is up" in told


def test_a_bad_id_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASCADE_HOME", str(tmp_path))
    with pytest.raises(CascadeError, match="--user has value -1"):
        app(["forget", "--user", "-1"], result_action="return_value")
