"""Counters by public id, in arrays that kernels fold into; what is not in memory yet is read from the state store."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cluster.post_counters import RECORD, UnreadableCounters, new_records, pack_record, unpack_record
from cluster.store.fenced import FencedStore
from kernels.columns import I32, I64

_ROOM: Final = 1024


class CounterBook:
    """Records of the ids met so far. Empty at first: it fills as they are met."""

    def __init__(self, store: FencedStore, key: Callable[[int], bytes]) -> None:
        self._store = store
        self._key = key
        self._rows: dict[int, int] = {}
        self._records = new_records(_ROOM)
        self.unreadable = 0  # blobs that were begun anew

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def ids(self) -> I64:
        """int64[n] of all records, by row."""
        return np.fromiter(self._rows, np.int64, len(self._rows))

    @property
    def records(self) -> NDArray[np.void]:
        """RECORD[n], which may be written to."""
        return self._records[: len(self._rows)]

    def column(self, name: str) -> NDArray[Any]:
        """A field of all records, which may be written to."""
        return self.records[name]

    async def rows_of(self, ids: I64) -> I32:
        """The row of each of `ids`, -1 for ids below 0; reads those that are new here. Raises StoreUnavailable."""
        distinct, at = np.unique(ids, return_inverse=True)
        new = [i for i in distinct.tolist() if i >= 0 and i not in self._rows]
        for post_id, blob in zip(new, await self._store.read([self._key(i) for i in new]), strict=True):
            self._add(post_id, blob)
        rows = np.array([self._rows.get(i, -1) for i in distinct.tolist()], np.int32)
        found: I32 = rows[at]
        return found

    def blobs(self, rows: I32) -> dict[bytes, bytes]:
        """The distinct `rows` as the state store keeps them."""
        ids = self.ids[rows].tolist()
        return {self._key(i): pack_record(self._records[row]) for i, row in zip(ids, rows.tolist(), strict=True)}

    def _add(self, post_id: int, blob: bytes | None) -> None:
        row = len(self._rows)
        if row == len(self._records):
            self._records = np.concatenate([self._records, new_records(len(self._records))])
        if blob is not None:
            try:
                self._records[row] = unpack_record(blob)[0]
            except UnreadableCounters:
                self.unreadable += 1
        self._rows[post_id] = row


assert RECORD.itemsize % 8 == 0, "fields of all records must be aligned for kernels"
