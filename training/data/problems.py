"""What is wrong with imported files, collected until there is enough to show."""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from cluster.errors import CascadeError

#: Errors shown before an import stops looking for more.
LIMIT: Final = 20


class Problems:
    """Error messages, each with file, data row (1 = first after the header), column, value and what is allowed."""

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._messages)

    def add(self, message: str) -> None:
        """One problem of a file or a folder."""
        if len(self._messages) < LIMIT:
            self._messages.append(message)
        else:
            self._more += 1

    def rows(self, file: str, column: str, bad: pa.Array, values: pa.Array, allowed: str) -> None:
        """One problem for each true value of the mask `bad`; `values` are the column's values as they came."""
        rows = np.flatnonzero(bad.fill_null(False).to_numpy(zero_copy_only=False))
        shown = rows[: LIMIT - len(self._messages)]
        for row in shown.tolist():
            self.add(f"{file}, row {row + 1}, column {column} has value {_show(values[row].as_py())}: {allowed}")
        self._more += len(rows) - len(shown)

    def stop(self, folder: str) -> None:
        """Raise a CascadeError that lists the problems, if there are any."""
        if not self._messages:
            return
        more = f"\n  ... and {self._more} more" if self._more else ""
        raise CascadeError(
            f"{folder} cannot be imported:\n  " + "\n  ".join(self._messages) + more,
            "correct the files and import again; docs/data.md describes every table",
        )


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
