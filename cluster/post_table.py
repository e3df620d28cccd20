"""The post table: what is known of every post, as memory-mapped columns that all replicas of a node share."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cluster.id_index import IdIndex, rows_of
from kernels.columns import I32, I64, PostColumns

__all__ = ["PostTable", "columns_at", "rows_of"]


@dataclass(frozen=True, slots=True)
class PostTable:
    """P posts of A authors. Ids ascend, unless there is an index of them: then rows are in the order of arrival."""

    post_ids: I64  # [P]
    author_ids: I64  # [A]
    columns: PostColumns
    post_index: IdIndex | None = None
    author_index: IdIndex | None = None

    def __len__(self) -> int:
        return len(self.post_ids)

    def post_rows(self, ids: I64) -> I32:
        """Row of each post of `ids`; -1 for one that is not there."""
        return rows_of(ids, self.post_ids) if self.post_index is None else self.post_index.rows_of(ids)

    def author_rows(self, ids: I64) -> I32:
        """Row of each author of `ids`; -1 for one that is not there."""
        return rows_of(ids, self.author_ids) if self.author_index is None else self.author_index.rows_of(ids)

    def save(self, folder: Path) -> None:
        """Write one .npy file a column into `folder`, which is made."""
        folder.mkdir(parents=True)
        arrays = {"post_ids": self.post_ids, "author_ids": self.author_ids, **self.columns._asdict()}
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)

    @classmethod
    def load(cls, folder: Path) -> "PostTable":
        """Map the table that `save` wrote; pages are read when first touched."""

        def column(name: str) -> np.ndarray:
            # A plain ndarray over the map: np.memmap's subclass makes every slice and kernel call slower.
            return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))

        columns = PostColumns(**{name: column(name) for name in PostColumns._fields})
        return cls(column("post_ids"), column("author_ids"), columns)


def columns_at(columns: PostColumns, rows: I64) -> PostColumns:
    """Columns of the posts at `rows`, copied; those of authors, and of all posts together, as they are."""
    taken = {
        name: column if name.startswith("author_") or name == "prior" else column[rows]
        for name, column in columns._asdict().items()
    }
    return PostColumns(**taken)
