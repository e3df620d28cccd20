"""A data set: one folder of Parquet tables, in the import schema and a fixed order, with a manifest.

Whoever imports or synthesises data ends in `write_dataset`; whoever uses data begins with `DataSet.open`.
"""

import functools
import hashlib
import operator
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.errors import CascadeError, InvalidField
from kernels.columns import I32
from training.data.schema import TABLES, Table

MANIFEST: Final = "dataset.json"
#: Sort keys of the tables; rows with equal keys keep the order in which they came.
ORDER: Final = {
    "posts": ("post_id",),
    "users": ("user_id",),
    "impressions": ("time_ms", "user_id"),
    "follows": ("time_ms", "user_id", "author_id"),
    "ads": ("post_id",),
}
#: Rows per row group: a range of days reads only the row groups that it touches.
ROW_GROUP: Final = 1 << 17

#: A table, or the impressions in batches that are already in time order.
Rows: TypeAlias = pa.Table | Iterable[pa.Table]


class Manifest(msgspec.Struct, frozen=True):
    """What `dataset.json` says of a data set."""

    name: str
    #: Where the data came from: kind, and what is needed to tell whether it has changed.
    source: dict[str, Any]
    #: Local time of the people in it; hours and days are counted in it.
    utc_offset_minutes: int
    #: All impressions lie in [start_ms, end_ms), Unix milliseconds.
    start_ms: int
    end_ms: int
    #: Rows of each table that is there.
    rows: dict[str, int]
    #: `table.column` -> share of non-null rows, for every column of the schema; an absent one has 0.
    coverage: dict[str, float]
    #: SHA-256 over the tables' files: the same data, the same fingerprint.
    fingerprint: str


@dataclass(frozen=True, slots=True)
class DataSet:
    """An opened data set. Reading is stateless and may be done from many processes."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> "DataSet":
        """Open the data set in `folder`. Raises CascadeError when there is none or its manifest is damaged."""
        path = Path(folder) / MANIFEST
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except FileNotFoundError:
            raise CascadeError(
                f"{folder} is not a data set: it has no {MANIFEST}",
                "make one with `cascade data import` or `synth`",
            ) from None
        except msgspec.DecodeError as error:
            raise CascadeError(f"{path} is damaged: {error}", "import the data set again") from None
        return cls(Path(folder), manifest)

    def path(self, table: str) -> Path:
        """The Parquet file of `table`."""
        return self.folder / f"{table}.parquet"

    def has(self, table: str, column: str | None = None) -> bool:
        """Whether `table`, or some value of `table.column`, is in the data set."""
        if column is None:
            return table in self.manifest.rows
        return self.manifest.coverage[f"{table}.{column}"] > 0

    def read(
        self,
        table: str,
        columns: Iterable[str] | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> pa.Table:
        """Rows of `table` in its stored order: impressions by time, posts by post_id, users by user_id.

        `columns`: the columns to return, in this order; those that the data set lacks come as nulls of their
        type. None returns the columns that are there. `start_ms`, `end_ms`: only rows with
        `start_ms <= time_ms < end_ms`. An optional table that is absent reads as an empty one.
        Raises InvalidField for a table or column that the schema does not have.
        """
        schema = _table(table)
        names = None if columns is None else list(columns)
        known = schema.arrow.names
        for name in names or ():
            if name not in known:
                raise InvalidField(f"columns of {table}", name, f"allowed are {known}")
        if not self.has(table):
            empty = schema.arrow.empty_table()
            return empty if names is None else empty.select(names)
        path = self.path(table)
        stored = pq.read_schema(path).names
        present = stored if names is None else [name for name in names if name in stored]
        rows = pq.read_table(path, columns=present, filters=_time_range(schema, start_ms, end_ms))
        return rows if names is None else _with_nulls(rows, names, schema)

    def dates(self, impressions: pa.Table) -> I32:
        """Local days int32 [rows], yyyymmdd, of rows with `time_ms` and, where the data set has it, `date`.

        A log may count a row to another day than its time says, as KuaiRand's does for one row in a hundred: what
        splits by days must use these, or its test rows differ from everybody else's.
        """
        local_ms = pc.add(impressions["time_ms"], self.manifest.utc_offset_minutes * 60_000)
        day = local_ms.cast(pa.timestamp("ms"))
        dates = pc.add(pc.add(pc.multiply(pc.year(day), 10_000), pc.multiply(pc.month(day), 100)), pc.day(day))
        if "date" in impressions.column_names:
            dates = pc.coalesce(impressions["date"].cast(pa.int64()), dates)
        numbers: I32 = dates.to_numpy().astype(np.int32)
        return numbers


def write_dataset(
    folder: Path,
    name: str,
    tables: Mapping[str, Rows],
    utc_offset_minutes: int,
    source: Mapping[str, Any],
    extra: Callable[[Path], None] | None = None,
) -> DataSet:
    """Write valid `tables` as the data set `folder`; an older data set there is replaced at once.

    Tables are cast to the schema, sorted (`ORDER`) and stripped of columns without a value; batches are written as
    they come, with the columns of the first one. `extra` may write more files into the folder. All happens in a
    temporary folder that is renamed at the end, so an interrupted import leaves nothing half done.
    Raises CascadeError when `folder` is in use by something else, or nothing was shown.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / MANIFEST).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CascadeError(f"{folder} exists and is not a data set", "name another folder, or remove it")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        manifest = _write_tables(part, name, tables, utc_offset_minutes, source)
        if extra is not None:
            extra(part)
        (part / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        _replace(folder, part)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return DataSet(folder, manifest)


def _write_tables(
    folder: Path, name: str, tables: Mapping[str, Rows], utc_offset_minutes: int, source: Mapping[str, Any]
) -> Manifest:
    rows: dict[str, int] = {}
    coverage = {f"{table.name}.{column.name}": 0.0 for table in TABLES.values() for column in table.columns}
    digest = hashlib.sha256()
    for schema in TABLES.values():
        if schema.name not in tables:
            continue
        path = folder / f"{schema.name}.parquet"
        rows[schema.name], filled = _write_table(path, schema, tables[schema.name])
        coverage |= {f"{schema.name}.{column}": n / max(rows[schema.name], 1) for column, n in filled.items()}
        digest.update(schema.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    times = _statistics(folder / "impressions.parquet", "time_ms")
    return Manifest(name, dict(source), utc_offset_minutes, times[0], times[1] + 1, rows, coverage, digest.hexdigest())


def _write_table(path: Path, schema: Table, rows: Rows) -> tuple[int, dict[str, int]]:
    """Write one table; returns its rows and the number of non-null values of each of its columns."""
    batches = [_sorted(_without_empty(rows, schema), schema)] if isinstance(rows, pa.Table) else rows
    count, last = 0, -1
    filled: dict[str, int] = {}
    writer: pq.ParquetWriter | None = None
    try:
        for batch in batches:
            if writer is None:
                fields = [field for field in schema.arrow if field.name in batch.column_names]
                writer = pq.ParquetWriter(path, pa.schema(fields), compression="zstd")
                filled = dict.fromkeys(writer.schema.names, 0)
            batch = batch.select(writer.schema.names).cast(writer.schema)
            last = _in_order(batch, schema, last)
            writer.write_table(batch, row_group_size=ROW_GROUP)
            count += batch.num_rows
            for column in filled:
                filled[column] += batch.num_rows - batch[column].null_count
    finally:
        if writer is not None:
            writer.close()
    return count, filled


def _without_empty(rows: pa.Table, schema: Table) -> pa.Table:
    """The schema's columns, without metadata and without optional columns that hold nulls only."""
    names = [
        column.name
        for column in schema.columns
        if column.required or (column.name in rows.column_names and rows[column.name].null_count < rows.num_rows)
    ]
    return rows.select(names).replace_schema_metadata()


def _sorted(rows: pa.Table, schema: Table) -> pa.Table:
    keys = [(key, "ascending") for key in ORDER[schema.name] if key in rows.column_names]
    return rows.take(pc.sort_indices(rows, sort_keys=keys))


def _in_order(batch: pa.Table, schema: Table, last: int) -> int:
    """Last time of the batch; batches of impressions must come in time order."""
    if schema.name != "impressions" or not batch.num_rows:
        return last
    if batch["time_ms"][0].as_py() < last:
        raise ValueError("batches of impressions must come in time order")
    return int(batch["time_ms"][-1].as_py())


def _statistics(path: Path, column: str) -> tuple[int, int]:
    """Least and greatest value of an integer column, from the file's row-group statistics."""
    metadata = pq.read_metadata(path) if path.exists() else None
    if metadata is None or metadata.num_rows == 0:
        raise CascadeError("a data set needs impressions", "import a table `impressions` with at least one row")
    at = metadata.schema.to_arrow_schema().names.index(column)
    groups = [metadata.row_group(i).column(at).statistics for i in range(metadata.num_row_groups)]
    return min(group.min for group in groups), max(group.max for group in groups)


def _replace(folder: Path, part: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _table(name: str) -> Table:
    if name not in TABLES:
        raise InvalidField("table", name, f"allowed are {list(TABLES)}")
    return TABLES[name]


def _time_range(schema: Table, start_ms: int | None, end_ms: int | None) -> pc.Expression | None:
    bounds = []
    if start_ms is not None:
        bounds.append(pc.field("time_ms") >= start_ms)
    if end_ms is not None:
        bounds.append(pc.field("time_ms") < end_ms)
    if bounds and "time_ms" not in schema.arrow.names:
        raise InvalidField("table", schema.name, "it has no time_ms to select by")
    return functools.reduce(operator.and_, bounds) if bounds else None


def _with_nulls(rows: pa.Table, names: list[str], schema: Table) -> pa.Table:
    columns = [
        rows[name] if name in rows.column_names else pa.nulls(rows.num_rows, schema.arrow.field(name).type)
        for name in names
    ]
    return pa.table(columns, schema=pa.schema([schema.arrow.field(name) for name in names]))
