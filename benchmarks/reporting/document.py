"""What a report of any benchmark says. Numbers in tables are text already: who measures knows how exact they are."""

from typing import Any

import msgspec

from benchmarks.machine import Machine


class Figure(msgspec.Struct, frozen=True):
    """A number that matters."""

    label: str
    value: str
    note: str = ""


class Grid(msgspec.Struct, frozen=True):
    """A table; the first column names its rows, the others are numbers or short texts."""

    title: str
    columns: list[str]
    rows: list[list[str]]


class Series(msgspec.Struct, frozen=True):
    """Points of one line, by ascending x. NaN and None are left out."""

    name: str
    x: list[float | None]
    y: list[float | None]


class Lines(msgspec.Struct, frozen=True, tag=True):
    """Lines over one axis; y is logarithmic."""

    title: str
    x_label: str
    y_label: str
    series: list[Series]
    bound: float | None = None
    """A y that is marked."""


class Bars(msgspec.Struct, frozen=True, tag=True):
    """A bar a row, from 0; the first one is set off, unless all are alike."""

    title: str
    unit: str
    labels: list[str]
    values: list[float]
    alike: bool = False


class Document(msgspec.Struct, frozen=True):
    """A report."""

    benchmark: str
    title: str
    summary: str
    figures: list[Figure]
    machine: Machine
    settings: dict[str, Any]
    """What was asked of the benchmark."""
    tables: list[Grid]
    charts: list[Lines | Bars]
    notes: list[str]
    """What one must know to read the figures."""
    not_reported: list[str]

    @property
    def stem(self) -> str:
        """The name of its files, which sort by time."""
        digits = "".join(c for c in self.machine.date[:19] if c.isdigit())
        return f"{digits[:8]}-{digits[8:]}-{self.benchmark}"
