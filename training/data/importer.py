"""Import of a folder of tables in Cascade's own schema, Parquet or CSV, one file a table."""

import csv
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from cluster.errors import CascadeError
from training.data.dataset import DataSet, write_dataset
from training.data.problems import Problems
from training.data.progress import Progress, silent
from training.data.schema import TABLES
from training.data.sources import describe
from training.data.validation import Source, add_missing_users, validate

KIND: Final = "tables"
SUFFIXES: Final = (".parquet", ".csv")


def import_folder(
    src: Path,
    dst: Path,
    name: str | None = None,
    utc_offset_minutes: int = 0,
    progress: Progress = silent,
) -> DataSet:
    """Import `<table>.parquet` or `<table>.csv` of `src` as the data set `dst`, whose name is `dst`'s by default.

    Repeated impressions (same user, post and time) are dropped; users whom only impressions or follows name get a
    row of nulls. Raises CascadeError with up to 20 problems, each with file, row, column, value and what is right.
    """
    src, dst = Path(src), Path(dst)
    problems = Problems()
    files = _files(src, problems)
    sources: dict[str, Source] = {}
    for i, (table, path) in enumerate(files.items()):
        progress("read tables", i, len(files))
        rows = _read(path, problems)
        if rows is not None:
            sources[table] = Source(path.name, rows)
    problems.stop(str(src))
    progress("read tables", len(files), len(files))
    progress("check and write", 0, 2)
    tables = validate(sources, problems)
    problems.stop(str(src))
    progress("check and write", 1, 2)
    data = write_dataset(
        dst, name or dst.name, add_missing_users(tables), utc_offset_minutes, describe(KIND, files.values())
    )
    progress("check and write", 2, 2)
    return data


def find_tables(src: Path) -> dict[str, Path]:
    """The files of `src` that are named after a table of the schema."""
    paths = (Path(src) / f"{table}{suffix}" for table in TABLES for suffix in SUFFIXES)
    return {path.stem: path for path in paths if path.is_file()}


def _files(src: Path, problems: Problems) -> dict[str, Path]:
    if not src.is_dir():
        raise CascadeError(f"{src} is not a folder", "name the folder that holds posts, users and impressions")
    for path in sorted(src.iterdir()):
        if path.suffix in SUFFIXES and path.stem not in TABLES:
            problems.add(f"{path.name} is not a table of the schema: allowed are {', '.join(TABLES)}")
        if path.suffix == ".csv" and path.stem in TABLES and path.with_suffix(".parquet").exists():
            problems.add(f"{path.name} is there as {path.stem}.parquet too: keep one of them")
    return find_tables(src)


def _read(path: Path, problems: Problems) -> pa.Table | None:
    try:
        return pq.read_table(path) if path.suffix == ".parquet" else _read_csv(path, problems)
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        problems.add(f"{path.name} cannot be read: {str(error).splitlines()[0]}")
        return None


def _read_csv(path: Path, problems: Problems) -> pa.Table | None:
    """All columns as text: conversion happens in `validation`, which can name every bad value."""
    broken: list[str] = []

    def skip(row: pa.csv.InvalidRow) -> str:
        broken.append(
            f"{path.name}, row {row.number - 1} has {row.actual_columns} values: must be {row.expected_columns}"
        )
        return "skip"

    with path.open(newline="", encoding="utf-8-sig") as file:
        names = next(csv.reader(file), [])
    rows = pa.csv.read_csv(
        path,
        read_options=pa.csv.ReadOptions(use_threads=False),
        parse_options=pa.csv.ParseOptions(invalid_row_handler=skip, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )
    for message in broken:
        problems.add(message)
    return None if broken else rows
