"""Columns that grow: rows are appended, and what was handed out before stays valid."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Rows a column has room for beyond those it starts with. Memory is taken only once it is written to.
SPARE: Final = 65_536


class Growable:
    """A column over its first `len` rows; its capacity doubles when it is full."""

    def __init__(self, rows: NDArray[Any]) -> None:
        self._length = len(rows)
        self._array = _extended(rows, max(2 * len(rows), len(rows) + SPARE))

    def __len__(self) -> int:
        return self._length

    @property
    def view(self) -> NDArray[Any]:
        """The rows there are, as a view that may be written to."""
        return self._array[: self._length]

    def extend(self, count: int) -> None:
        """Append `count` rows of zeros. Views taken before keep their rows, and may miss later changes to them."""
        if self._length + count > len(self._array):
            self._array = _extended(self.view, max(2 * len(self._array), self._length + count))
        self._length += count


def _extended(rows: NDArray[Any], capacity: int) -> NDArray[Any]:
    array = np.zeros((capacity, *rows.shape[1:]), rows.dtype)
    array[: len(rows)] = rows
    return array
