"""Columns as they come in files -> columns of the schema, with a mask of the values that cannot be converted."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from kernels.columns import CONTENT_DIM
from training.data.schema import Column

_INTEGER: Final = r"^[+-]?\d{1,18}$"
_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_TRUE: Final = pa.array(["true", "1"])
_FALSE: Final = pa.array(["false", "0"])


class Converted(NamedTuple):
    """`values` has the schema's type, null where `bad`; `allowed` says what would have been right."""

    values: pa.Array
    bad: pa.Array  # [rows] bool, no nulls
    allowed: str


def convert(values: pa.Array, column: Column) -> Converted | None:
    """Convert a column to its type in the schema; None when no value of the source type could be converted.

    Booleans may come as true/false or 0/1, integers as whole floats, embeddings as lists or as text such as
    "0.1 0.2 ...". Nulls stay nulls. NaN and infinity are bad values everywhere.
    """
    if pt.is_null(values.type):
        return Converted(values.cast(column.type), _none(values), "")
    if pt.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pt.is_large_string(values.type) or pt.is_string_view(values.type):
        values = values.cast(pa.string())
    return _CONVERTERS[_family(column.type)](values, column)


def bounds(column: Column) -> str:
    """The range of a number column, for messages."""
    if column.minimum is None:
        return ""
    return f" of at least {column.minimum:.10g}"


def _integer(values: pa.Array, column: Column) -> Converted | None:
    allowed = f"must be an integer{bounds(column)}"
    if pt.is_string(values.type):
        good = pc.match_substring_regex(values, _INTEGER)
    elif pt.is_floating(values.type):
        good = pc.and_(pc.less(pc.abs(values), 2.0**53), pc.equal(values, pc.floor(values)))
    elif pt.is_integer(values.type):
        good = pc.is_valid(values) if values.type != pa.uint64() else pc.less(values, pa.scalar(2**63, pa.uint64()))
    else:
        return None
    whole = _only(values, good).cast(pa.int64())
    if column.type != pa.int64():
        limits = np.iinfo(column.type.to_pandas_dtype())
        fits = pc.and_(pc.greater_equal(whole, limits.min), pc.less_equal(whole, limits.max))
        good, whole = pc.and_kleene(good, pc.fill_null(fits, False)), _only(whole, fits)
        allowed += f" and at most {limits.max}"
    return Converted(whole.cast(column.type), _bad(values, good), allowed)


def _number(values: pa.Array, column: Column) -> Converted | None:
    if pt.is_string(values.type):
        good = pc.match_substring_regex(values, _NUMBER)
    elif pt.is_null(values.type):
        values, good = values.cast(column.type), pc.is_valid(values)
    elif pt.is_integer(values.type) or pt.is_floating(values.type):
        good = pc.is_finite(values)
    else:
        return None
    numbers = _only(values, good).cast(pa.float64()).cast(column.type, safe=False)
    good = pc.and_kleene(good, pc.fill_null(pc.is_finite(numbers), False))
    return Converted(_only(numbers, good), _bad(values, good), f"must be a finite number{bounds(column)}")


def _boolean(values: pa.Array, _column: Column) -> Converted | None:
    allowed = "must be true, false, 1 or 0"
    if pt.is_boolean(values.type):
        return Converted(values, _none(values), allowed)
    if pt.is_string(values.type):
        lower = pc.utf8_lower(values)
        true, false = pc.is_in(lower, _TRUE), pc.is_in(lower, _FALSE)
    elif pt.is_integer(values.type) or pt.is_floating(values.type):
        true, false = pc.equal(values, 1), pc.equal(values, 0)
    else:
        return None
    good = pc.or_(true, false)
    return Converted(_only(true, good), _bad(values, good), allowed)


def _text(values: pa.Array, _column: Column) -> Converted | None:
    if pt.is_integer(values.type):
        values = values.cast(pa.string())
    return Converted(values, _none(values), "must be text") if pt.is_string(values.type) else None


def _vector(values: pa.Array, column: Column) -> Converted | None:
    allowed = f"must hold {CONTENT_DIM} finite numbers"
    if pt.is_string(values.type):
        inner = pc.replace_substring_regex(values, r"^[\[\s]+|[\]\s]+$", "")
        values = pc.split_pattern_regex(inner, r"[,;\s]+")
    elif pt.is_fixed_size_list(values.type):
        values = values.cast(pa.list_(values.type.value_type))
    elif not (pt.is_list(values.type) or pt.is_large_list(values.type)):
        return None
    parts = _number(pc.list_flatten(values), Column("", column.type.value_type, ""))
    if parts is None:
        return None
    parents = pc.list_parent_indices(values).to_numpy()
    good = (
        pc.fill_null(pc.equal(pc.list_value_length(values), CONTENT_DIM), False).to_numpy(zero_copy_only=False).copy()
    )
    good[parents[pc.is_null(parts.values).to_numpy(zero_copy_only=False)]] = False
    offsets = np.append(0, np.cumsum(good * CONTENT_DIM)).astype(np.int32)
    kept = parts.values.filter(pa.array(good[parents]))
    vectors = pa.ListArray.from_arrays(pa.array(offsets), kept, mask=pa.array(~good))
    return Converted(vectors, _bad(values, pa.array(good)), allowed)


_CONVERTERS: Final[dict[str, Callable[[pa.Array, Column], Converted | None]]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "text": _text,
    "vector": _vector,
}


def _family(kind: pa.DataType) -> str:
    if pt.is_integer(kind):
        return "integer"
    if pt.is_floating(kind):
        return "number"
    if pt.is_boolean(kind):
        return "boolean"
    return "text" if pt.is_string(kind) else "vector"


def _only(values: pa.Array, good: pa.Array) -> pa.Array:
    """`values` where `good`, else null."""
    return pc.if_else(pc.fill_null(good, False), values, pa.scalar(None, values.type))


def _bad(values: pa.Array, good: pa.Array) -> pa.Array:
    return pc.and_(pc.is_valid(values), pc.invert(pc.fill_null(good, False)))


def _none(values: pa.Array) -> pa.Array:
    return pa.array(np.zeros(len(values), bool))
