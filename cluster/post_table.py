"""The post table: what is known of every post, as memory-mapped columns that all replicas of a node share."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kernels.columns import I32, I64, PostColumns


def rows_of(ids: I64, known: I64) -> I32:
    """Row of each of `ids` in the ascending `known`; -1 for an id that is not there."""
    if not len(known):
        return np.full(len(ids), -1, np.int32)
    at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[at] == ids, at, -1).astype(np.int32)


@dataclass(frozen=True, slots=True)
class PostTable:
    """P posts of A authors. Row numbers are positions in the ascending ids."""

    post_ids: I64  # [P]
    author_ids: I64  # [A]
    columns: PostColumns

    def __len__(self) -> int:
        return len(self.post_ids)

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
