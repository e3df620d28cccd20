"""Checks of imported tables: columns, types, ranges, allowed values, keys, references. All vectorised."""

import difflib
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.conversion import bounds, convert
from training.data.problems import Problems
from training.data.schema import TABLES, Column, Table

#: (table, column) whose values must be ids of posts.
POST_REFERENCES: Final = (("impressions", "post_id"), ("ads", "post_id"))


class Source(NamedTuple):
    """A table as it came, and the name of its file for messages."""

    file: str
    rows: pa.Table


def validate(sources: Mapping[str, Source], problems: Problems) -> dict[str, pa.Table]:
    """Tables of the schema's types out of `sources` (table name -> source); what is wrong goes to `problems`.

    Repeated keys are dropped where the schema says so (the first row stays) and are problems elsewhere. Keys and
    references are checked once every value is right.
    """
    _required_tables(sources, problems)
    tables = {name: check_table(TABLES[name], source, problems) for name, source in sources.items()}
    if problems:
        return tables
    for name, source in sources.items():
        tables[name] = _check_keys(TABLES[name], source.file, tables[name], problems)
    _check_references(sources, tables, problems)
    return tables


def check_table(schema: Table, source: Source, problems: Problems) -> pa.Table:
    """The table with the schema's types; columns that cannot be used are left out of it."""
    file, rows = source
    for name in _repeated(rows.column_names):
        problems.add(f"{file} has two columns named {name}")
    for name in rows.column_names:
        if name not in schema.arrow.names:
            problems.add(f"{file} has an unknown column {name}{_hint(name, schema.arrow.names)}")
    columns: dict[str, pa.Array] = {}
    for column in schema.columns:
        if rows.column_names.count(column.name) == 1:
            checked = check_column(file, rows[column.name], column, problems)
            if checked is not None:
                columns[column.name] = checked
        elif column.required and column.name not in rows.column_names:
            problems.add(f"{file} lacks the required column {column.name} ({column.type}): {column.meaning}")
    return pa.table(columns)


def check_column(file: str, raw: pa.ChunkedArray, column: Column, problems: Problems) -> pa.Array | None:
    """The column in the schema's type, or None when its type cannot be converted."""
    values = raw.combine_chunks()
    converted = convert(values, column)
    if converted is None:
        problems.add(f"{file}, column {column.name} has type {values.type}: must be {column.type}")
        return None
    problems.rows(file, column.name, converted.bad, values, converted.allowed)
    if column.required:
        problems.rows(file, column.name, pc.is_null(values), values, "a value is required")
    if column.minimum is not None:
        low = pc.less(converted.values, column.minimum)
        problems.rows(file, column.name, low, values, f"must be a number{bounds(column)}")
    if column.allowed:
        foreign = pc.invert(pc.is_in(converted.values, pa.array([*column.allowed, None], pa.string())))
        problems.rows(file, column.name, foreign, values, f"allowed are {', '.join(column.allowed)}")
    return converted.values


def drop_repeats(rows: pa.Table, key: Collection[str]) -> pa.Table:
    """`rows` without those whose key an earlier row has; the order stays."""
    first = _first_rows(rows, key)
    return rows if len(first) == rows.num_rows else rows.take(pa.array(np.sort(first["row_min"].to_numpy())))


def add_missing_users(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """`tables` with a row of nulls in `users` for each user that impressions or follows name and `users` lacks."""
    users = tables["users"]
    named = pa.chunked_array(
        [chunk for name in ("impressions", "follows") if name in tables for chunk in tables[name]["user_id"].chunks],
        type=pa.int64(),
    ).unique()
    missing = named.filter(pc.invert(pc.is_in(named, users["user_id"].combine_chunks())))
    rows = pa.table({"user_id": missing})
    return {**tables, "users": pa.concat_tables([users, rows], promote_options="default")}


def _required_tables(sources: Mapping[str, Source], problems: Problems) -> None:
    for table in TABLES.values():
        if table.required and table.name not in sources:
            problems.add(f"the required table {table.name} is missing: {table.name}.parquet or {table.name}.csv")


def _check_keys(schema: Table, file: str, rows: pa.Table, problems: Problems) -> pa.Table:
    if not schema.key:
        return rows
    if schema.drop_repeats:
        return drop_repeats(rows, schema.key)
    first = _first_rows(rows, schema.key)
    repeated = first.filter(pc.greater(first["row_count"], 1)).sort_by("row_min")
    for row in repeated.slice(0, 100).to_pylist():
        key = ", ".join(f"{name} {row[name]!r}" for name in schema.key)
        problems.add(
            f"{file}, row {row['row_max'] + 1}, {key} is already in row {row['row_min'] + 1}: must be there once"
        )
    return rows


def _first_rows(rows: pa.Table, key: Collection[str]) -> pa.Table:
    """Per distinct key its first and last row number and how often it occurs."""
    numbered = rows.select(list(key)).append_column("row", pa.array(np.arange(rows.num_rows)))
    return numbered.group_by(list(key)).aggregate([("row", "min"), ("row", "max"), ("row", "count")])


def _check_references(sources: Mapping[str, Source], tables: Mapping[str, pa.Table], problems: Problems) -> None:
    posts = tables["posts"]["post_id"].combine_chunks()
    for table, column in POST_REFERENCES:
        if table in tables:
            values = tables[table][column]
            dangling = pc.invert(pc.is_in(values, posts))
            problems.rows(sources[table].file, column, dangling, values, "is not the id of a post in posts")


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _hint(name: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(name, allowed, 1)
    return f"; did you mean {near[0]}?" if near else f"; allowed are {', '.join(allowed)}"
