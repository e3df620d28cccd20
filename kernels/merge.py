"""Merge of ranked source lists into one list of distinct candidates."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.columns import I32, I64
from kernels.jit import kernel

U32 = NDArray[np.uint32]

#: A source is one bit of an unsigned 32-bit mask.
MAX_SOURCES = 32


class Merged(NamedTuple):
    """M distinct candidates in round-robin order."""

    rows: I32  # [M] post rows
    sources: U32  # [M] bit s is set when source s brought the post


def merge_lists(lists: Sequence[I32], posts: int) -> Merged:
    """All that S ranked lists [*] of post rows bring, as `merge_sources` merges them."""
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    rows = np.concatenate([np.zeros(0, np.int32), *lists])
    return merge_sources(rows, offsets, len(rows), posts)


@kernel
def merge_sources(rows: I32, offsets: I64, limit: int, posts: int) -> Merged:
    """Interleave S ranked lists: the first post of each source, then the second of each, ..., without repeats.

    Source s's list is `rows[offsets[s]:offsets[s + 1]]`, best first. The first `limit` distinct posts are kept,
    each with the bits of all sources that brought it at any rank. Rows outside [0, posts), such as FAISS's -1, are
    skipped. Time and memory grow with len(rows), never with `posts`. Allocates its result and a hash table per
    call. Raises ValueError for more than MAX_SOURCES sources.
    """
    sources = len(offsets) - 1
    if sources > MAX_SOURCES:
        raise ValueError("at most 32 sources: each is one bit of a 32-bit mask")
    longest = 0
    for source in range(sources):
        longest = max(longest, offsets[source + 1] - offsets[source])
    table_bits = _table_bits(len(rows))
    table = np.zeros(1 << table_bits, np.int32)  # 1 + index into the result; 0 = free
    merged = np.empty(max(0, min(limit, len(rows))), np.int32)
    bits = np.zeros(len(merged), np.uint32)
    count = 0
    for rank in range(longest):
        for source in range(sources):
            at = offsets[source] + rank
            if at >= offsets[source + 1] or rows[at] < 0 or rows[at] >= posts:
                continue
            slot = _find(table, table_bits, merged, rows[at])
            if table[slot] == 0:
                if count == len(merged):
                    continue
                merged[count] = rows[at]
                count += 1
                table[slot] = count
            bits[table[slot] - 1] |= np.uint32(1) << np.uint32(source)
    return Merged(merged[:count], bits[:count])


@kernel
def _table_bits(entries: int) -> int:
    """Size of the hash table, as a power of two, that leaves at least half of it free."""
    bits = 4
    while 1 << bits < 2 * entries:
        bits += 1
    return bits


@kernel
def _find(table: I32, table_bits: int, merged: I32, row: int) -> np.uint64:
    """Slot of `table` that holds `row`, or the free one where it belongs (Fibonacci hashing, linear probing)."""
    slot = np.uint64(row) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(64 - table_bits)
    while table[slot] != 0 and merged[table[slot] - 1] != row:
        slot = (slot + np.uint64(1)) & np.uint64(len(table) - 1)
    return slot


def merge_sources_numpy(rows: I32, offsets: I64, limit: int, posts: int) -> Merged:
    """The NumPy twin of `merge_sources`."""
    sizes = np.diff(offsets)
    if len(sizes) > MAX_SOURCES:
        raise ValueError("at most 32 sources: each is one bit of a 32-bit mask")
    source = np.repeat(np.arange(len(sizes)), sizes)
    rank = np.arange(len(source)) - np.repeat(offsets[:-1] - offsets[0], sizes)
    row = rows[offsets[0] : offsets[-1]]
    order = np.lexsort((source, rank))
    order = order[(row[order] >= 0) & (row[order] < posts)]
    distinct, first, group = np.unique(row[order], return_index=True, return_inverse=True)
    bits = np.zeros(len(distinct), np.uint32)
    np.bitwise_or.at(bits, group, np.uint32(1) << source[order].astype(np.uint32))
    kept = np.argsort(first)[: max(0, limit)]
    return Merged(distinct[kept], bits[kept])
