"""docs/data.md shows the schema that the code has: every table, column, type, requirement and limit."""

import re
from pathlib import Path

import pytest

from training.data.schema import TABLES, Column, Table

DOCS = Path(__file__).parents[3] / "docs" / "data.md"


def row(column: Column) -> str:
    allowed = f"; one of {', '.join(column.allowed)}" if column.allowed else ""
    least = f"; at least {column.minimum:.10g}" if column.minimum else ""
    required = "yes" if column.required else ""
    kind = str(column.type).replace("<item: float>", "<float>")
    return f"| {column.name} | {kind} | {required} | {column.meaning}{allowed}{least} |"


def documented(table: str) -> str:
    """The section of a table, up to the next heading."""
    found = re.search(rf"^### `{table}`.*?(?=^#)", DOCS.read_text() + "\n#", re.MULTILINE | re.DOTALL)
    assert found, f"docs/data.md has no section on {table}"
    return found[0]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_docs_show_every_column_as_it_is(table: Table) -> None:
    rows = [line for line in documented(table.name).splitlines() if line.startswith("| ")]
    assert rows == ["| column | type | required | meaning |", *map(row, table.columns)]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_docs_tell_keys_and_whether_a_table_is_required(table: Table) -> None:
    section = documented(table.name)
    assert ("required" if table.required else "optional") in section.splitlines()[0]
    repeats = "dropped" if table.drop_repeats else "an error"
    assert f"Key: {', '.join(table.key)}; a repeated key is {repeats}." in section


def test_the_docs_show_no_other_tables() -> None:
    assert re.findall(r"^### `(\w+)`", DOCS.read_text(), re.MULTILINE) == list(TABLES)


def test_names_are_unique() -> None:
    for table in TABLES.values():
        assert len(set(table.arrow.names)) == len(table.columns)
        assert set(table.key) <= {column.name for column in table.columns if column.required}
